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

func aJob(quick bool) *job { return &job{flight: &flight{quick: quick}} }

func addJobs(p *paced, n int, quick bool) []*job {
	jobs := make([]*job, n)
	for i := range jobs {
		jobs[i] = aJob(quick)
		p.add(jobs[i])
	}
	return jobs
}

func TestPace(t *testing.T) {
	t.Run("AtOnceWithinItsWidth", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			for range 4 {
				p.add(aJob(false))
			}
			if n := p.started(); n != 4 {
				t.Errorf("%d of 4 have begun", n)
			}
		})
	})

	t.Run("OneForOneThatEnds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			jobs := addJobs(p, 10, false)
			for i := range 6 {
				next := p.done(jobs[i])
				if next != jobs[4+i] {
					t.Fatalf("the end of attempt %d did not begin the one that has waited longest", i)
				}
			}
			if next := p.done(jobs[6]); next != nil {
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
				p.add(aJob(false))
			}
			for step, want := range []int{4, 8, 10, 10} {
				synctest.Wait()
				if n := p.started(); n != want {
					t.Errorf("%d have begun after %d steps, want %d", n, step, want)
				}
				time.Sleep(paceStep)
			}
			// Those that hang take no room from others.
			p.add(aJob(false))
			if n := p.started(); n != 11 {
				t.Errorf("one more did not begin at once beside ten that hang")
			}
		})
	})

	t.Run("KeepsNothing", func(t *testing.T) {
		p := newPaced(4)
		jobs := append(addJobs(p, 2, true), addJobs(p, 2, false)...)
		for _, i := range []int{1, 2, 0, 3} {
			p.done(jobs[i])
		}
		if n := p.pace.begun[0].len() + p.pace.begun[1].len(); n != 0 || p.young != 0 {
			t.Errorf("%d are remembered and %d count as young after the last has ended", n, p.young)
		}
	})

	t.Run("QuickEndpointsThatTakeLonger", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			const takes = 4 * time.Millisecond
			for range 500 {
				j := addJobs(p, 1, true)[0]
				time.Sleep(takes)
				p.done(j)
			}
			before := p.started()
			jobs := addJobs(p, 12, true)
			for _, step := range []struct {
				after time.Duration
				want  int
			}{{takes, 4}, {takes + paceStep, 8}, {takes, 8}, {takes + paceStep, 12}} {
				time.Sleep(step.after)
				synctest.Wait()
				if n := p.started() - before; n != step.want {
					t.Errorf("%v later %d have begun, want %d", step.after, n, step.want)
				}
			}
			for _, j := range jobs {
				p.done(j)
			}
			// One that hangs changes little.
			hung := addJobs(p, 1, true)[0]
			time.Sleep(30 * time.Second)
			p.done(hung)
			before = p.started()
			jobs = addJobs(p, 8, true)
			time.Sleep(3 * takes)
			synctest.Wait()
			if n := p.started() - before; n != 8 {
				t.Errorf("%d of 8 have begun %v later, after one attempt that hung", n, 3*takes)
			}
			for _, j := range jobs {
				p.done(j)
			}
			// However long they take, those that wait begin before long.
			for range 500 {
				j := addJobs(p, 1, true)[0]
				time.Sleep(time.Second)
				p.done(j)
			}
			before = p.started()
			addJobs(p, 8, true)
			time.Sleep(paceMost)
			synctest.Wait()
			if n := p.started() - before; n != 8 {
				t.Errorf("%d of 8 have begun after %v", n, paceMost)
			}
		})
	})

	t.Run("OthersWaitNoLonger", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(4)
			p.usual = paceMost
			addJobs(p, 2, true)
			addJobs(p, 4, false)
			if n := p.started(); n != 4 {
				t.Fatalf("%d have begun, want 4", n)
			}
			time.Sleep(paceStep)
			synctest.Wait()
			if n := p.started(); n != 6 {
				t.Errorf("%d have begun after %v, want all 6: the first two of endpoints that are not quick are old", n, paceStep)
			}
		})
	})
}
