package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// network connects processes to endpoints and keeps the history of requests. It
// stands outside the processes: what reached it stays, whoever dies.
type network struct {
	world *world

	mu    sync.Mutex
	sent  map[string][]*sent // by URL and event id
	flies map[*process]map[string]int
	wires []*wire
}

// sent is one request in the history.
type sent struct {
	by       *process
	at, end  time.Time
	status   int
	answered bool // the answer reached a living process
	body     []byte
	header   http.Header
}

// wire is one process's way to the network.
type wire struct {
	network *network
	process *process
	cut     chan struct{}
}

func (n *network) of(p *process) *wire {
	wr := &wire{network: n, process: p, cut: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wires = append(n.wires, wr)
	return wr
}

// kill ends what a process has under way, as the kernel does.
func (n *network) kill(p *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, wr := range n.wires {
		if wr.process == p {
			close(wr.cut)
		}
	}
}

var errKilled = errors.New("process is dead")

func (wr *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-wr.cut:
		return nil, errKilled
	default:
	}
	n := wr.network
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	id := first(r.Header, "webhook-id")
	key := r.URL.String() + " " + id
	s := &sent{by: wr.process, at: time.Now(), body: body, header: r.Header.Clone()}
	n.mu.Lock()
	if n.sent == nil {
		n.sent = map[string][]*sent{}
		n.flies = map[*process]map[string]int{}
	}
	if n.flies[wr.process] == nil {
		n.flies[wr.process] = map[string]int{}
	}
	n.sent[key] = append(n.sent[key], s)
	nth := len(n.sent[key])
	n.flies[wr.process][r.URL.String()]++
	if got := n.flies[wr.process][r.URL.String()]; got > simCap {
		n.world.t.Errorf("%d requests in flight to %s, which is capped at %d", got, r.URL, simCap)
	}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.flies[wr.process][r.URL.String()]--
		s.end = time.Now()
	}()
	delay, status := n.world.behaviour(r.URL.String(), id, nth)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	s.status = status
	select {
	case <-timer.C:
		s.answered = true
		return respond(status), nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	case <-wr.cut:
		return nil, errKilled
	}
}

// troubled tells whether the process died or lost its store in a span of time.
func (p *process) troubled(from, to time.Time) bool {
	if p.dead && !p.diedAt.Before(from) && !p.diedAt.After(to) {
		return true
	}
	return slices.ContainsFunc(p.outages, func(o interval) bool { return !o.from.After(to) && !o.to.Before(from) })
}

// check holds the history and the store against what must always hold.
func (w *world) check() {
	deliveries := w.deliveries()
	w.checkAcknowledged(deliveries)
	for key, requests := range w.network.sent {
		w.did["requests"] += len(requests)
		d, known := deliveries[key]
		if !known {
			w.t.Errorf("%s was sent and has no delivery", key)
			continue
		}
		w.checkRequests(key, d, requests)
	}
	for key, d := range deliveries {
		w.checkDelivery(key, d, w.network.sent[key])
	}
	w.checkPauses()
	w.checkStats(deliveries)
}

// Acknowledged means kept, and everything comes to an end.
func (w *world) checkAcknowledged(deliveries map[string]store.Delivery) {
	byID := map[string]store.Delivery{}
	for _, d := range deliveries {
		byID[d.ID] = d
		if !d.State.Terminal() {
			w.t.Errorf("%s never ended: %+v", d.ID, d)
		}
	}
	for id, e := range w.events {
		if _, err := w.admin.Event(w.t.Context(), id); err != nil {
			w.t.Errorf("acknowledged event %s: %v", id, err)
		}
		for _, ref := range e.receipt.Deliveries {
			if _, ok := byID[ref.ID]; !ok {
				w.t.Errorf("acknowledged delivery %s is lost", ref.ID)
			}
		}
	}
}

// Duplicates are bounded; bodies never change; every signature verifies.
func (w *world) checkRequests(key string, d store.Delivery, requests []*sent) {
	ep := w.endpoints[slices.IndexFunc(w.endpoints, func(ep *simEndpoint) bool { return ep.ID == d.EndpointID })]
	for i, r := range requests {
		if !bytes.Equal(r.body, requests[0].body) {
			w.t.Errorf("%s: the body of request %d differs", key, i+1)
		}
		verifier := signer.StandardWebhooks(signer.WithClock(func() time.Time { return r.at }))
		if _, err := verifier.Verify(r.header, r.body, ep.secrets...); err != nil {
			w.t.Errorf("%s: request %d: %v", key, i+1, err)
		}
		if e := w.events[d.EventID]; e != nil {
			if r.at.Before(e.at) || !e.until.IsZero() && r.at.After(e.until) {
				w.t.Errorf("%s: sent at %v, to be sent from %v until %v", key, r.at, e.at, e.until)
			}
		}
		if i == 0 {
			continue
		}
		before := requests[i-1]
		lost := !before.answered && !before.by.diedAt.IsZero() && !before.by.diedAt.After(before.end)
		switch {
		case r.at.Before(before.end):
			w.t.Errorf("%s: request %d began at %v before request %d ended at %v", key, i+1, r.at, i, before.end)
		case lost && before.by.conn.dead && r.at.Before(before.at.Add(simLease-time.Millisecond)):
			w.t.Errorf("%s: request %d began %v after one that died with its process; the lease is %v", key, i+1, r.at.Sub(before.at), simLease)
		case before.answered && before.status == 200:
			if !before.by.troubled(before.at, r.at) {
				w.t.Errorf("%s: request %d repeats a success at %v by a process without trouble", key, i+1, before.end)
			}
			w.did["repeated after a kill or an outage"]++
		}
	}
}

// What the store says is what happened.
func (w *world) checkDelivery(key string, d store.Delivery, requests []*sent) {
	attempts, err := w.admin.Attempts(w.t.Context(), d.ID)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.did["interrupted"] += d.Interrupted
	if d.Attempts != len(attempts) || len(attempts) > len(requests) {
		w.t.Errorf("%s: counts %d attempts, has %d recorded, %d were sent", key, d.Attempts, len(attempts), len(requests))
	}
	tries := 0
	var ended time.Time
	for i, a := range attempts {
		if a.Number != i+1 {
			w.t.Errorf("%s: attempt %d has the number %d", key, i+1, a.Number)
		}
		if !slices.ContainsFunc(requests, func(r *sent) bool { return r.at.Equal(a.StartedAt) }) {
			w.t.Errorf("%s: attempt %d is recorded and was not sent", key, i+1)
		}
		if tries > 0 && a.StartedAt.Before(ended.Add(simDelays[tries-1])) {
			w.t.Errorf("%s: try %d began %v after the one before, want %v", key, tries+1, a.StartedAt.Sub(ended), simDelays[tries-1])
		}
		if a.Code != dispatcher.CodeInterrupted {
			tries++
			ended = a.StartedAt.Add(a.Duration)
		}
	}
	if tries != d.Tries {
		w.t.Errorf("%s: counts %d tries, the attempts say %d", key, d.Tries, tries)
	}
	switch d.State {
	case store.StateDelivered:
		if len(attempts) == 0 || attempts[len(attempts)-1].Status != 200 {
			w.t.Errorf("%s is delivered without a success", key)
		}
	case store.StateFailed:
		// No retry is lost to crashes, outages and shutdowns.
		if d.Tries != len(simDelays)+1 {
			w.t.Errorf("%s failed (%s) after %d tries, has %d", key, d.Reason, d.Tries, len(simDelays)+1)
		}
	case store.StateCancelled:
		if d.Reason != dispatcher.CodeExpired && d.Reason != dispatcher.CodeEndpointDeleted {
			w.t.Errorf("%s was cancelled: %s", key, d.Reason)
		}
	}
}

// A paused endpoint gets nothing.
func (w *world) checkPauses() {
	for _, ep := range w.endpoints {
		for key, requests := range w.network.sent {
			if len(key) < len(ep.URL) || key[:len(ep.URL)] != ep.URL {
				continue
			}
			for _, r := range requests {
				for _, p := range ep.pauses {
					if r.at.After(p.from) && r.at.Before(p.to) {
						w.t.Errorf("%s: sent at %v while paused from %v to %v", key, r.at, p.from, p.to)
					}
				}
			}
		}
	}
}

func (w *world) checkStats(deliveries map[string]store.Delivery) {
	var want store.Counts
	for _, d := range deliveries {
		*want.Of(d.State)++
	}
	got, err := w.admin.Stats(w.t.Context(), dispatcher.StatsFilter{})
	if err != nil || got.Total != want {
		w.t.Errorf("statistics %+v, counted %+v, %v", got.Total, want, err)
	}
}
