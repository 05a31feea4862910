package dispatcher

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// However late somebody looks at it, a limited context is one of context.WithDeadline.
func TestLimitedIsAContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Hour)
		defer cancel()
		begin := func(d time.Duration) *limited { return &limited{Context: parent, at: time.Now().Add(d)} }
		ended := func(l *limited) bool {
			select {
			case <-l.Done():
				return true
			default:
				return false
			}
		}

		l := begin(time.Minute)
		if at, ok := l.Deadline(); !ok || time.Until(at) != time.Minute || l.Value(key{}) != "value" || l.Err() != nil || ended(l) {
			t.Errorf("at the beginning: deadline %v %v, %v", at, ok, l.Err())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !ended(l) || !errors.Is(l.Err(), context.DeadlineExceeded) {
			t.Errorf("at the end of its time: %v", l.Err())
		}
		l.end()

		l = begin(time.Minute)
		time.Sleep(2 * time.Minute)
		if !ended(l) || !errors.Is(l.Err(), context.DeadlineExceeded) {
			t.Errorf("first looked at after its time: %v", l.Err())
		}
		l.end()

		l = begin(time.Minute)
		l.end()
		if !ended(l) || !errors.Is(l.Err(), context.Canceled) {
			t.Errorf("first looked at after it was ended: %v", l.Err())
		}

		l = begin(2 * time.Hour)
		if at, ok := l.Deadline(); !ok || time.Until(at) > time.Hour {
			t.Errorf("the parent ends sooner: deadline %v %v", at, ok)
		}
		child, cancelChild := context.WithCancel(l)
		defer cancelChild()
		cancel()
		synctest.Wait()
		if !ended(l) || child.Err() == nil {
			t.Errorf("when the parent has ended: %v, %v", l.Err(), child.Err())
		}
		l.end()
	})
}
