package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

func TestResendStartsAfreshAndKeepsTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		id := publish(t, e, dispatcher.Event{}).Deliveries[0].ID
		elapse(time.Second)
		first := delivery(t, e, id)
		rc.set(answerStatus(500))
		elapse(time.Hour)
		if err := e.Resend(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		elapse(30 * 24 * time.Hour / 2)
		d := delivery(t, e, id)
		if d.State != dispatcher.StateFailed || d.Attempts != 11 || d.Tries != 10 || !d.DeliveredAt.Equal(first.DeliveredAt) {
			t.Errorf("after a resend that failed: %+v", d)
		}
		if err := e.Resend(t.Context(), "dlv_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("resend of nothing: %v", err)
		}
	})
}

func TestReplayReachesEndpointsThatCameLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		rcpt := publish(t, e, dispatcher.Event{})
		if len(rcpt.Deliveries) != 0 {
			t.Fatal("a delivery without an endpoint")
		}
		a := register(t, e, dispatcher.EndpointConfig{URL: "https://a.example/"})
		b := register(t, e, dispatcher.EndpointConfig{URL: "https://b.example/"})
		other := register(t, e, dispatcher.EndpointConfig{URL: "https://c.example/", Events: []string{"other"}})
		refs, err := e.Replay(t.Context(), rcpt.EventID, a.ID)
		if err != nil || len(refs) != 1 || refs[0].EndpointID != a.ID {
			t.Errorf("to one endpoint: %v, %v", refs, err)
		}
		elapse(time.Second)
		refs, err = e.Replay(t.Context(), rcpt.EventID)
		if err != nil || len(refs) != 2 {
			t.Errorf("to all that match: %v, %v", refs, err)
		}
		elapse(time.Second)
		count := map[string]int{}
		for _, r := range rc.log() {
			count[r.url]++
		}
		if count[a.URL] != 2 || count[b.URL] != 1 || count[other.URL] != 0 {
			t.Errorf("requests: %v", count)
		}
		for _, id := range []string{"ep_none"} {
			if _, err := e.Replay(t.Context(), rcpt.EventID, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("replay to nobody: %v", err)
			}
		}
		if _, err := e.Replay(t.Context(), "msg_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("replay of nothing: %v", err)
		}
	})
}

func TestRecoverMissedOrAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: func(r *http.Request, _ int) (*http.Response, error) {
			if r.URL.Host == "a.example" {
				return respond(405), nil // final
			}
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		a := register(t, e, dispatcher.EndpointConfig{URL: "https://a.example/"})
		b := register(t, e, dispatcher.EndpointConfig{URL: "https://b.example/", Events: []string{"invoice.*"}})
		publish(t, e, dispatcher.Event{})
		elapse(time.Hour)
		from := time.Now()
		for i := range 500 {
			publish(t, e, dispatcher.Event{Type: []string{"invoice.paid", "user.made"}[i%2]})
		}
		elapse(time.Hour)
		to := time.Now()
		publish(t, e, dispatcher.Event{})
		elapse(time.Hour)
		late := register(t, e, dispatcher.EndpointConfig{URL: "https://late.example/", Events: []string{"user.*"}})
		rc.set(nil)

		for _, c := range []struct {
			name string
			r    dispatcher.Recovery
			want dispatcher.RecoveryResult
		}{
			{"missed by one", dispatcher.Recovery{Endpoint: a.ID, From: from, To: to}, dispatcher.RecoveryResult{Events: 500, Resent: 500}},
			{"again: nothing is missed", dispatcher.Recovery{Endpoint: a.ID, From: from, To: to}, dispatcher.RecoveryResult{Events: 500}},
			{"never sent to a late one", dispatcher.Recovery{Endpoint: late.ID, From: from, To: to, Type: "user.made"}, dispatcher.RecoveryResult{Events: 250, Created: 250}},
			{"everything to one", dispatcher.Recovery{Endpoint: b.ID, From: from, To: to, All: true}, dispatcher.RecoveryResult{Events: 500, Resent: 250}},
			{"missed by anybody, since the start", dispatcher.Recovery{From: from.Add(-24 * time.Hour)}, dispatcher.RecoveryResult{Events: 502, Resent: 2}},
		} {
			r := c.r
			r.DryRun = true
			before := len(rc.log())
			dry, err := e.Recover(t.Context(), r)
			elapse(time.Minute)
			if err != nil || dry != c.want || len(rc.log()) != before {
				t.Errorf("%s, counted: %+v, %v; want %+v", c.name, dry, err, c.want)
			}
			done, err := e.Recover(t.Context(), c.r)
			elapse(time.Minute)
			if err != nil || done != dry {
				t.Errorf("%s, done: %+v, %v; counted were %+v", c.name, done, err, dry)
			}
			if sent := len(rc.log()) - before; sent != done.Resent+done.Created {
				t.Errorf("%s: %d requests, want %d", c.name, sent, done.Resent+done.Created)
			}
		}
		for d, err := range e.Deliveries(t.Context(), dispatcher.DeliveryFilter{}) {
			if err != nil || d.State != dispatcher.StateDelivered {
				t.Fatalf("%+v, %v", d, err)
			}
		}
		_, err := e.Recover(t.Context(), dispatcher.Recovery{})
		refused(t, "no from", "from", err)
		_, err = e.Recover(t.Context(), dispatcher.Recovery{From: to, To: from})
		refused(t, "to before from", "to", err)
		_, err = e.Recover(t.Context(), dispatcher.Recovery{From: from, Endpoint: "ep_none"})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("endpoint that is not there: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		waiting := publish(t, e, dispatcher.Event{At: time.Now().Add(time.Hour)}).Deliveries[0].ID
		if err := e.Cancel(t.Context(), waiting); err != nil {
			t.Fatal(err)
		}
		if err := e.Cancel(t.Context(), waiting); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a second cancellation: %v", err)
		}
		if err := e.Cancel(t.Context(), "dlv_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cancelling nothing: %v", err)
		}
		elapse(2 * time.Hour)
		if d := delivery(t, e, waiting); d.State != dispatcher.StateCancelled || d.Reason != dispatcher.CodeCancelled || len(rc.log()) != 0 {
			t.Errorf("%+v, %d requests", d, len(rc.log()))
		}
	})
}

// While three engines deliver, two callers resend, replay, recover and cancel:
// each delivery ends in the right state, attempts are numbered without gaps, and
// after a success nothing is sent unless somebody asked for it.
func TestRecoveryIsExactUnderConcurrency(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { recoverConcurrently(t, seed) })
		})
	}
}

func recoverConcurrently(t *testing.T, seed uint64) {
	s := memstore.New()
	random := rand.New(rand.NewPCG(seed, 5))
	var mu sync.Mutex
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	rc := &receiver{answer: func(*http.Request, int) (*http.Response, error) {
		time.Sleep(time.Duration(draw(300)) * time.Millisecond)
		if draw(3) == 0 {
			return respond(500), nil
		}
		return respond(200), nil
	}}
	var engines []*dispatcher.Engine
	for range 3 {
		e := newEngine(t, s, rc, dispatcher.WithPollInterval(50*time.Millisecond),
			dispatcher.WithRetry(dispatcher.Schedule(200*time.Millisecond, 400*time.Millisecond, time.Second, time.Second, time.Second, time.Second)))
		engines = append(engines, e)
		t.Cleanup(start(t, e))
	}
	e := engines[0]
	for i := range 4 {
		register(t, e, dispatcher.EndpointConfig{URL: fmt.Sprintf("https://e%d.example/", i)})
	}
	type asked struct {
		at     time.Time
		cancel bool
	}
	asks := map[string][]asked{} // by delivery
	note := func(id string, cancel bool) {
		mu.Lock()
		defer mu.Unlock()
		asks[id] = append(asks[id], asked{time.Now(), cancel})
	}
	var deliveries []string
	var events []string
	began := time.Now()
	for range 50 {
		rcpt := publish(t, e, dispatcher.Event{})
		events = append(events, rcpt.EventID)
		for _, ref := range rcpt.Deliveries {
			deliveries = append(deliveries, ref.ID)
		}
	}
	var callers sync.WaitGroup
	for c := range 2 {
		callers.Go(func() {
			by := engines[1+c]
			for range 60 {
				time.Sleep(time.Duration(draw(100)) * time.Millisecond)
				switch draw(4) {
				case 0, 1:
					id := deliveries[draw(len(deliveries))]
					note(id, false)
					if err := by.Resend(context.Background(), id); err != nil {
						t.Error(err)
					}
				case 2:
					id := events[draw(len(events))]
					all, err := by.DeliveryPage(context.Background(), dispatcher.DeliveryFilter{Event: id}, "", 0)
					if err != nil {
						t.Error(err)
					}
					for _, d := range all.Items {
						note(d.ID, false)
					}
					if _, err := by.Replay(context.Background(), id); err != nil {
						t.Error(err)
					}
				case 3:
					id := deliveries[draw(len(deliveries))]
					note(id, true)
					if err := by.Cancel(context.Background(), id); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Error(err)
					}
				}
			}
			// What was cancelled or failed is recovered; what is pending or
			// delivered is not touched.
			for _, id := range deliveries {
				note(id, false)
			}
			if _, err := by.Recover(context.Background(), dispatcher.Recovery{From: began.Add(-time.Second)}); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	rc.set(nil)
	elapse(2 * time.Minute)
	again, err := e.Recover(t.Context(), dispatcher.Recovery{From: began.Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	elapse(2 * time.Minute)
	requests := map[string]int{}
	for _, r := range rc.log() {
		requests[r.url+" "+r.id]++
	}
	failedBefore := 0
	for _, id := range deliveries {
		d := delivery(t, e, id)
		if d.State != dispatcher.StateDelivered {
			t.Errorf("%s ended as %v (%s)", id, d.State, d.Reason)
		}
		attempts, err := e.Attempts(t.Context(), id)
		if err != nil || len(attempts) != d.Attempts {
			t.Fatalf("%s: %d attempts, counts %d, %v", id, len(attempts), d.Attempts, err)
		}
		var success *dispatcher.Attempt
		for i := range attempts {
			a := &attempts[i]
			if a.Number != i+1 {
				t.Errorf("%s: attempt %d has the number %d", id, i+1, a.Number)
			}
			if success != nil && !slices.ContainsFunc(asks[id], func(q asked) bool {
				return !q.cancel && !q.at.Before(success.StartedAt) && !q.at.After(a.StartedAt)
			}) {
				t.Errorf("%s: attempt %d follows a success and nobody asked for it", id, a.Number)
			}
			if a.Status == 200 {
				success = a
			}
		}
		if attempts[len(attempts)-1].Status != 200 {
			failedBefore++
			t.Errorf("%s is delivered, and its last attempt is not", id)
		}
	}
	if again.Events != len(events) || failedBefore != 0 {
		t.Errorf("%+v", again)
	}
}

func TestSendTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(503)}
		s := memstore.New()
		e := newEngine(t, s, rc, dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "webhook_", Length: 16}))
		ep := register(t, e, dispatcher.EndpointConfig{Disabled: true})
		a, err := e.SendTest(t.Context(), ep.ID, "invoice.paid")
		if err != nil || a.Status != 503 || a.Code != dispatcher.CodeHTTPStatus {
			t.Errorf("%+v, %v", a, err)
		}
		log := rc.log()
		if len(log) != 1 || len(log[0].id) < 14 || log[0].id[:13] != "webhook_test_" {
			t.Errorf("%d requests, id %q", len(log), log[0].id)
		}
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total != (store.Counts{}) {
			t.Errorf("something was stored: %+v, %v", stats, err)
		}
		_, err = e.SendTest(t.Context(), ep.ID, "no type")
		refused(t, "type", "type", err)
		if _, err := e.SendTest(t.Context(), "ep_none", "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestExplain(t *testing.T) {
	e := newEngine(t, memstore.New(), &receiver{})
	made := map[string]dispatcher.MatchReason{}
	add := func(name string, want dispatcher.MatchReason, c dispatcher.EndpointConfig, after func(string) error) {
		c.Name = name
		ep := register(t, e, c)
		if after != nil {
			if err := after(ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		made[ep.ID] = want
	}
	add("all", dispatcher.MatchNow, dispatcher.EndpointConfig{}, nil)
	add("prefix", dispatcher.MatchNow, dispatcher.EndpointConfig{Events: []string{"x", "invoice.*"}}, nil)
	add("other", dispatcher.MatchNoPattern, dispatcher.EndpointConfig{Events: []string{"invoices.*"}}, nil)
	add("disabled", dispatcher.MatchDisabled, dispatcher.EndpointConfig{Disabled: true}, nil)
	add("paused", dispatcher.MatchPaused, dispatcher.EndpointConfig{}, func(id string) error { return e.Pause(t.Context(), id) })
	gone := register(t, e, dispatcher.EndpointConfig{})
	if err := e.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	ev := dispatcher.Event{Type: "invoice.paid"}
	matches, err := e.Explain(t.Context(), ev)
	if err != nil || len(matches) != len(made) {
		t.Fatalf("%d of %d endpoints, %v", len(matches), len(made), err)
	}
	would := 0
	for _, m := range matches {
		if m.Reason != made[m.Endpoint.ID] {
			t.Errorf("%s: %q, want %q", m.Endpoint.Name, m.Reason, made[m.Endpoint.ID])
		}
		if m.Matches {
			would++
		}
	}
	if rcpt := publish(t, e, ev); len(rcpt.Deliveries) != would {
		t.Errorf("Explain says %d deliveries, Publish made %d", would, len(rcpt.Deliveries))
	}
	_, err = e.Tenant("a\x00b").Explain(t.Context(), ev)
	refused(t, "tenant", "tenant", err)
	_, err = e.Explain(t.Context(), dispatcher.Event{Type: "a..b"})
	refused(t, "type", "type", err)
}
