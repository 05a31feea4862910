//go:build unix

package crash

import (
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
)

// The points at which a process can end itself.
const (
	pointClaimed   = "after claim"
	pointDial      = "before dial"
	pointResponse  = "after the response"
	pointUnsettled = "before the settle"
	pointSettled   = "after the settle's commit"
	// A process that ends itself at these does so a moment later, while the store
	// is at work: before or after its commit.
	pointClaiming = "during the claim"
	pointSettling = "during the settle"
)

var points = []string{pointClaimed, pointDial, pointResponse, pointUnsettled, pointSettling, pointSettled, pointClaiming}

// point is where, and at which passage, a process ends itself.
type point struct {
	Name string
	Nth  int64
	// Within bounds the moment after the passage for the points in the midst of a
	// call.
	Within time.Duration
}

// passing returns the function to call at every point. The process that arrives
// at its point is killed by SIGKILL: nothing runs after it, no deferred call and
// no other goroutine.
func (p point) passing(w *writer) func(string) {
	if p.Name == "" {
		return func(string) {}
	}
	var passed atomic.Int64
	return func(name string) {
		if name != p.Name || passed.Add(1) != p.Nth {
			return
		}
		if name == pointClaiming || name == pointSettling {
			moment := time.Duration(rand.Int64N(int64(max(p.Within, 1))))
			time.AfterFunc(moment, func() { die(w, name) })
			return
		}
		die(w, name)
		select {}
	}
}

func die(w *writer, name string) {
	w.write("", history.Record{Kind: history.Dying, Point: name})
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
}
