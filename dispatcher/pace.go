package dispatcher

import (
	"runtime"
	"sync"
	"time"
)

const (
	// paceWidth is how many attempts, for each processor, may be young: begun a
	// short while ago, and not ended.
	paceWidth = 16
	// paceStep is for how long an attempt is young, at least and, but for quick
	// endpoints, at most.
	paceStep = 2 * time.Millisecond
	// paceMost bounds the same for quick endpoints.
	paceMost = 10 * paceStep
	// paceSamples is how many attempts the usual time of one is the mean of,
	// roughly.
	paceSamples = 64
)

// pace spaces the starts of attempts. A claim may bring hundreds, and begun at
// once they would all be in each other's way, where receivers are quick: each
// connection has its buffers and stacks, and so many do not stay in the caches
// of a processor. So there are paceWidth young ones for each processor at most;
// the others begin as those end, or grow old because their receivers take
// longer, in which case more under way cost nothing.
//
// An endpoint that has been seen to answer within a moment takes longer because
// this machine has too much to do, or because it has itself. In the first case it is
// like that with all quick endpoints, and more under way would only be more in
// each other's way: so attempts to them are young for twice as long as these
// take at present.
type pace struct {
	width int
	// begin starts an attempt.
	begin func(*job)

	mu    sync.Mutex
	young int
	// begun are attempts in the order of their start, those that have ended
	// meanwhile included, apart for quick endpoints and others.
	begun [2]ring[*job]
	// waiting are those that have not begun.
	waiting ring[*job]
	// usual is how long attempts to quick endpoints take at present; those that
	// take longer than paceMost count with that.
	usual time.Duration
	timer *time.Timer
	// ringing: the timer is set.
	ringing bool
}

func newPace(begin func(*job)) *pace {
	return &pace{width: paceWidth * runtime.GOMAXPROCS(0), begin: begin}
}

// add begins an attempt as soon as there is room for it.
func (p *pace) add(j *job) {
	now := time.Now()
	p.mu.Lock()
	p.age(now)
	if p.waiting.len() > 0 || p.young >= p.width {
		p.waiting.push(j)
		p.ring(now)
		p.mu.Unlock()
		return
	}
	p.count(j, now)
	p.mu.Unlock()
	p.begin(j)
}

// done ends an attempt, and returns one for which there is room now, for the
// caller to begin; nil if there is none.
func (p *pace) done(j *job) (next *job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.young {
		j.young = false
		p.young--
	}
	now := time.Now()
	if j.flight.quick {
		p.usual += (min(now.Sub(j.begun), paceMost) - p.usual) / paceSamples
	}
	p.age(now)
	if p.waiting.len() == 0 || p.young >= p.width {
		return nil
	}
	next = p.waiting.pop()
	p.count(next, now)
	return next
}

// steps are for how long attempts are young, by the places in begun.
func (p *pace) steps() [2]time.Duration {
	return [2]time.Duration{paceStep, min(max(2*p.usual, paceStep), paceMost)}
}

// count counts an attempt that begins.
func (p *pace) count(j *job, now time.Time) {
	j.young, j.begun = true, now
	p.young++
	if j.flight.quick {
		p.begun[1].push(j)
	} else {
		p.begun[0].push(j)
	}
}

// age takes from the young ones what is not.
func (p *pace) age(now time.Time) {
	for i, step := range p.steps() {
		for begun := &p.begun[i]; begun.len() > 0; begun.pop() {
			j := begun.first()
			if !j.young {
				continue
			}
			if now.Sub(j.begun) < step {
				break
			}
			j.young = false
			p.young--
		}
	}
}

// ring sets the timer to when the first of the young ones is not young any more.
func (p *pace) ring(now time.Time) {
	if p.ringing {
		return
	}
	p.ringing = true
	wait := paceMost
	for i, step := range p.steps() {
		if p.begun[i].len() > 0 {
			wait = min(wait, p.begun[i].first().begun.Add(step).Sub(now))
		}
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(wait, p.rang)
		return
	}
	p.timer.Reset(wait)
}

// rang begins what there is room for.
func (p *pace) rang() {
	var begin []*job
	now := time.Now()
	p.mu.Lock()
	p.ringing = false
	p.age(now)
	for p.waiting.len() > 0 && p.young < p.width {
		j := p.waiting.pop()
		p.count(j, now)
		begin = append(begin, j)
	}
	if p.waiting.len() > 0 {
		p.ring(now)
	}
	p.mu.Unlock()
	for _, j := range begin {
		p.begin(j)
	}
}
