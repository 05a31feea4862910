package dispatcher_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"context"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// The published schedule of one product: six requests over 7 h 21 min, then
// failed and somebody told.
func TestScheduleOfSixRequestsOverSevenHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(500)}
		var failed []dispatcher.Delivery
		var failedAt time.Time
		e := newEngine(t, memstore.New(), rc,
			dispatcher.WithRetry(dispatcher.Schedule(time.Minute, 5*time.Minute, 15*time.Minute, time.Hour, 6*time.Hour)),
			dispatcher.WithObserver(dispatcher.Observer{Failed: func(_ context.Context, d dispatcher.Delivery) {
				failed, failedAt = append(failed, d), time.Now()
			}}))
		stop := start(t, e)
		defer stop()
		register(t, e, dispatcher.EndpointConfig{})
		began := time.Now()
		rcpt := publish(t, e, dispatcher.Event{Payload: 1})
		elapse(24 * time.Hour)

		want := []time.Duration{0, time.Minute, 6 * time.Minute, 21 * time.Minute, 81 * time.Minute, 441 * time.Minute}
		log := rc.log()
		if len(log) != len(want) {
			t.Fatalf("%d requests, want %d", len(log), len(want))
		}
		for i, r := range log {
			// Each retry counts from the storing of the attempt before it, which
			// takes a few milliseconds.
			if got := r.at.Sub(began); got < want[i] || got > want[i]+200*time.Millisecond {
				t.Errorf("request %d after %v, want %v", i+1, got, want[i])
			}
			if r.id != rcpt.EventID {
				t.Errorf("request %d has the id %q, want %q", i+1, r.id, rcpt.EventID)
			}
		}
		if len(failed) != 1 || failed[0].ID != rcpt.Deliveries[0].ID || failed[0].State != dispatcher.StateFailed || failed[0].Attempts != 6 {
			t.Errorf("the observer was told %+v", failed)
		}
		if d := failedAt.Sub(log[5].at); d > 100*time.Millisecond {
			t.Errorf("the observer was told %v after the last attempt", d)
		}
		attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
		if err != nil || len(attempts) != 6 {
			t.Fatalf("%d attempts recorded, %v", len(attempts), err)
		}
		for i, a := range attempts {
			if a.Number != i+1 || a.Status != 500 || a.Code != dispatcher.CodeHTTPStatus {
				t.Errorf("attempt %d is recorded as %+v", i+1, a)
			}
		}
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "120" },
		"date":    func() string { return time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat) },
	} {
		for _, status := range []int{429, 503} {
			t.Run(name+" "+strconv.Itoa(status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rc := &receiver{answer: func(_ *http.Request, n int) (*http.Response, error) {
						if n == 1 {
							return respond(status, "Retry-After", header()), nil
						}
						return respond(200), nil
					}}
					e := newEngine(t, memstore.New(), rc, dispatcher.WithRetry(dispatcher.Schedule(time.Second)))
					defer start(t, e)()
					register(t, e, dispatcher.EndpointConfig{})
					publish(t, e, dispatcher.Event{})
					elapse(time.Hour)
					log := rc.log()
					if len(log) != 2 {
						t.Fatalf("%d requests", len(log))
					}
					if gap := log[1].at.Sub(log[0].at); gap < 119*time.Second || gap > 121*time.Second {
						t.Errorf("the second request came after %v, want two minutes", gap)
					}
				})
			})
		}
	}
}

func TestRetryAfterIsClamped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: func(_ *http.Request, n int) (*http.Response, error) {
			if n == 1 {
				return respond(503, "Retry-After", "99999999"), nil
			}
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithMaxRetryAfter(time.Hour))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Hour + time.Second)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered {
			t.Errorf("after the limit of an hour the delivery is %v", d.State)
		}
	})
}

func TestEndpointHasAScheduleOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(500)}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		own := register(t, e, dispatcher.EndpointConfig{URL: "https://a.example/", Retry: []time.Duration{time.Second, time.Second}})
		never := register(t, e, dispatcher.EndpointConfig{URL: "https://b.example/", Retry: []time.Duration{}})
		publish(t, e, dispatcher.Event{})
		elapse(time.Minute)
		count := map[string]int{}
		for _, r := range rc.log() {
			count[r.url]++
		}
		if count[own.URL] != 3 || count[never.URL] != 1 {
			t.Errorf("requests: %v, want 3 to %s and 1 to %s", count, own.URL, never.URL)
		}
	})
}

func TestGoneDisablesTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(410)}
		changes := make(chan dispatcher.EndpointChange, 10)
		e := newEngine(t, memstore.New(), rc, dispatcher.WithObserver(dispatcher.Observer{
			EndpointChanged: func(_ context.Context, _ dispatcher.Endpoint, c dispatcher.EndpointChange) { changes <- c },
		}))
		defer start(t, e)()
		ep := register(t, e, dispatcher.EndpointConfig{})
		// The one that waits comes first: the other may be answered at any moment.
		later := publish(t, e, dispatcher.Event{At: time.Now().Add(time.Minute)})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Hour)
		if len(rc.log()) != 1 {
			t.Errorf("%d requests to an endpoint that is gone", len(rc.log()))
		}
		got, err := e.Endpoint(t.Context(), ep.ID)
		if err != nil || got.Status != dispatcher.EndpointDisabled || got.StatusReason != dispatcher.CodeGone {
			t.Errorf("the endpoint is %v (%s), %v", got.Status, got.StatusReason, err)
		}
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateFailed || d.Reason != dispatcher.CodeGone {
			t.Errorf("the delivery is %v (%s)", d.State, d.Reason)
		}
		if d := delivery(t, e, later.Deliveries[0].ID); d.State != dispatcher.StateCancelled || d.Reason != dispatcher.CodeEndpointDisabled {
			t.Errorf("the delivery that waited is %v (%s)", d.State, d.Reason)
		}
		if got := publish(t, e, dispatcher.Event{}); len(got.Deliveries) != 0 {
			t.Error("a delivery was made for a disabled endpoint")
		}
		if a, b := <-changes, <-changes; a != dispatcher.EndpointRegistered || b != dispatcher.EndpointWasDisabled {
			t.Errorf("changes %s, %s", a, b)
		}
	})
}

func TestAtAndUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(500)}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithRetry(dispatcher.Schedule(time.Hour, time.Hour, time.Hour, time.Hour)))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		began := time.Now()
		rcpt := publish(t, e, dispatcher.Event{At: began.Add(24 * time.Hour), Until: began.Add(26*time.Hour + time.Minute)})
		elapse(48 * time.Hour)
		log := rc.log()
		if len(log) != 3 {
			t.Fatalf("%d requests, want those after 24, 25 and 26 hours", len(log))
		}
		if d := log[0].at.Sub(began); d < 24*time.Hour || d > 24*time.Hour+50*time.Millisecond {
			t.Errorf("the first request came after %v", d)
		}
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateCancelled || d.Reason != dispatcher.CodeExpired {
			t.Errorf("the delivery is %v (%s)", d.State, d.Reason)
		}
	})
}

// An endpoint that fails for a year: events come every hour, each is given up
// after its retries, history is purged, and nothing piles up.
func TestYearOfAFailingEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(503)}
		gone := 0
		e := newEngine(t, memstore.New(), rc,
			dispatcher.WithObserver(dispatcher.Observer{Failed: func(context.Context, dispatcher.Delivery) { gone++ }}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		const hours = 365 * 24
		for range hours {
			publish(t, e, dispatcher.Event{Payload: map[string]int{"n": 1}})
			elapse(time.Hour)
		}
		elapse(7 * 24 * time.Hour)
		if gone != hours {
			t.Errorf("%d deliveries failed, want %d", gone, hours)
		}
		if n := len(rc.log()); n != 10*hours {
			t.Errorf("%d requests, want ten for each of %d events", n, hours)
		}
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil {
			t.Fatal(err)
		}
		// Kept are the last 30 days of failures (and the hour between purges).
		if kept := stats.Total.Failed; stats.Total.Pending != 0 || kept < 22*24 || kept > 35*24 {
			t.Errorf("kept after a year: %+v", stats.Total)
		}
	})
}

// Endpoints that take their time, though less than slow ones, occupy most of the
// places: a quick one uses those that are left again and again, without waiting
// for half of them to be free.
func TestFewFreePlacesAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: func(r *http.Request, _ int) (*http.Response, error) {
			d := 5 * time.Millisecond
			if r.URL.Host != "quick.example" {
				d = 900 * time.Millisecond
			}
			time.Sleep(d)
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithConcurrency(16), dispatcher.WithMaxInFlight(4))
		defer start(t, e)()
		for _, host := range []string{"a", "b", "c"} {
			register(t, e, dispatcher.EndpointConfig{URL: "https://" + host + ".example/", Events: []string{"long"}})
		}
		register(t, e, dispatcher.EndpointConfig{URL: "https://quick.example/", Events: []string{"quick"}})
		for range 100 {
			publish(t, e, dispatcher.Event{Type: "long"})
		}
		elapse(5 * time.Second) // until these endpoints are trusted with all that they may have
		for range 1000 {
			publish(t, e, dispatcher.Event{Type: "quick"})
		}
		elapse(3 * time.Second)
		quick := 0
		for _, r := range rc.log() {
			if r.url == "https://quick.example/" {
				quick++
			}
		}
		if quick != 1000 {
			t.Errorf("%d of 1000 requests in three seconds, with four places of five milliseconds each", quick)
		}
	})
}

// An endpoint that was slow goes on among the fast ones after its first quick
// answer, however many are slow still.
func TestEndpointThatIsQuickAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 500
		var quick atomic.Bool
		rc := &receiver{}
		rc.set(func(r *http.Request, n int) (*http.Response, error) {
			switch {
			case r.URL.Host != "again.example":
				return hang(r, n)
			case quick.Load():
				time.Sleep(5 * time.Millisecond)
			default:
				time.Sleep(2 * time.Second)
			}
			return respond(200), nil
		})
		e := newEngine(t, memstore.New(), rc, dispatcher.WithConcurrency(4), dispatcher.WithRetry(dispatcher.Schedule()))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{URL: "https://again.example/", Events: []string{"again"}})
		for range events {
			publish(t, e, dispatcher.Event{Type: "again"})
		}
		elapse(10 * time.Second)
		for i := range 200 {
			register(t, e, dispatcher.EndpointConfig{URL: fmt.Sprintf("https://hangs%d.example/", i), Events: []string{"hangs"}})
		}
		for range 100 {
			publish(t, e, dispatcher.Event{Type: "hangs"})
		}
		elapse(2 * time.Minute)
		quick.Store(true)
		from := time.Now()
		elapse(10 * time.Minute)
		var first, last time.Time
		n := 0
		for _, r := range rc.log() {
			if r.url != "https://again.example/" {
				continue
			}
			n++
			if last = r.at; first.IsZero() && r.at.After(from) {
				first = r.at
			}
		}
		if d := last.Sub(first); n != events || d > 30*time.Second {
			t.Errorf("%d of %d requests; all but the first quick one within %v", n, events, d)
		}
	})
}
