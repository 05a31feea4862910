package dispatcher

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// paced is a pace whose attempts end when they are told to.
type paced struct {
	*pace
	mu    sync.Mutex
	begun []*job
}

func newPaced(width int) *paced {
	p := &paced{}
	p.pace = newPace(func(j *job) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.begun = append(p.begun, j)
	})
	p.width = width
	return p
}

func (p *paced) started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.begun)
}

func TestPace(t *testing.T) {
	t.Run("AtOnceWithinItsWidth", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			for range 4 {
				p.add(&job{})
			}
			if n := p.started(); n != 4 {
				t.Errorf("%d of 4 have begun", n)
			}
		})
	})

	t.Run("OneForOneThatEnds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			jobs := make([]job, 10)
			for i := range jobs {
				p.add(&jobs[i])
			}
			for i := range 6 {
				next := p.done(&jobs[i])
				if next != &jobs[4+i] {
					t.Fatalf("the end of attempt %d did not begin the one that has waited longest", i)
				}
			}
			if next := p.done(&jobs[6]); next != nil {
				t.Error("there was nothing left, and one was begun")
			}
			if n := p.started(); n != 4 {
				t.Errorf("%d were begun beside those that done returned", n-4)
			}
		})
	})

	t.Run("MoreWhenNoneEnds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			for range 10 {
				p.add(&job{})
			}
			for step, want := range []int{4, 8, 10, 10} {
				synctest.Wait()
				if n := p.started(); n != want {
					t.Errorf("%d have begun after %d steps, want %d", n, step, want)
				}
				time.Sleep(paceStep)
			}
			// Those that hang take no room from others.
			p.add(&job{})
			if n := p.started(); n != 11 {
				t.Errorf("one more did not begin at once beside ten that hang")
			}
		})
	})

	t.Run("KeepsNothing", func(t *testing.T) {
		p := newPaced(4)
		jobs := make([]job, 3)
		for i := range jobs {
			p.add(&jobs[i])
		}
		for _, i := range []int{1, 0, 2} {
			p.done(&jobs[i])
		}
		if n := p.pace.begun.len(); n != 0 || p.young != 0 {
			t.Errorf("%d are remembered and %d count as young after the last has ended", n, p.young)
		}
	})
}
