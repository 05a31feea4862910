package dispatcher

import (
	"runtime"
	"sync"
	"time"
)

const (
	// paceWidth is how many attempts, for each processor, may be young: begun
	// within paceStep, and not ended.
	paceWidth = 16
	paceStep  = 2 * time.Millisecond
)

// pace spaces the starts of attempts. A claim may bring hundreds, and begun at
// once they would all be in each other's way, where receivers are quick: each
// connection has its buffers and stacks, and so many do not stay in the caches
// of a processor. So there are paceWidth young ones for each processor at most;
// the others begin as those end, or grow old because their receivers take
// longer, in which case more under way cost nothing.
type pace struct {
	width int
	// begin starts an attempt.
	begin func(*job)

	mu    sync.Mutex
	young int
	// begun are attempts in the order of their start, those that have ended
	// meanwhile included; waiting are those that have not begun.
	begun, waiting ring[*job]
	timer          *time.Timer
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
	p.age(now)
	if p.waiting.len() == 0 || p.young >= p.width {
		return nil
	}
	next = p.waiting.pop()
	p.count(next, now)
	return next
}

// count counts an attempt that begins.
func (p *pace) count(j *job, now time.Time) {
	j.young, j.begun = true, now
	p.young++
	p.begun.push(j)
}

// age takes from the young ones what is not.
func (p *pace) age(now time.Time) {
	for p.begun.len() > 0 {
		j := p.begun.first()
		if j.young {
			if now.Sub(j.begun) < paceStep {
				return
			}
			j.young = false
			p.young--
		}
		p.begun.pop()
	}
}

// ring sets the timer to when the oldest of the young ones is not young any more.
func (p *pace) ring(now time.Time) {
	if p.ringing {
		return
	}
	p.ringing = true
	wait := p.begun.first().begun.Add(paceStep).Sub(now)
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
