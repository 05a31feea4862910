package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// The last attempt of a delivery that has ended lies in its row, if it is small, and
// the others in a hash: wherever one lies, and however often it moves, all are told in
// their order, bodies go when they have to, and all goes with the event.
func TestAttemptsWhereverTheyLie(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	prefix := "attempts" + t.Name()
	s, err := redisstore.New(client, redisstore.WithPrefix(prefix))
	if err != nil {
		t.Fatal(err)
	}
	endpoints(t, s)
	// One event with a single delivery, which keeps its tenant in the row, and one
	// with two.
	if _, err := s.Insert(t.Context(), []store.NewEvent{newEvent("one", "ep_0"), newEvent("two", "ep_1", "ep_2")}); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 3000)
	steps := []struct {
		state store.State
		body  string
	}{
		{store.StatePending, "0"}, {store.StateDelivered, "1"}, {store.StateFailed, large}, {store.StatePending, large},
		{store.StateDelivered, "4"}, {store.StateDelivered, large}, {store.StateFailed, "6"},
	}
	for i, step := range steps {
		taken := claimed(t, s, 10)
		if len(taken) != 3 {
			t.Fatalf("step %d: claimed %d", i, len(taken))
		}
		var again []store.RequeueItem
		for _, c := range taken {
			o := drained(c)
			o.State, o.Attempt.ResponseBody = step.state, []byte(step.body)
			for range 2 { // the answer to the first may have been lost
				if r, err := s.Settle(t.Context(), []store.Outcome{o}); err != nil || len(r.Lost) > 0 {
					t.Fatal(r, err)
				}
			}
			again = append(again, store.RequeueItem{DeliveryID: c.Delivery.ID})
			attempts, err := s.Attempts(t.Context(), "", c.Delivery.ID)
			if err != nil || len(attempts) != i+1 {
				t.Fatalf("step %d: %d attempts, %v", i, len(attempts), err)
			}
			for j, a := range attempts {
				if a.Number != j+1 || string(a.ResponseBody) != steps[j].body || a.Status != 200 {
					t.Errorf("step %d: attempt %d is number %d with status %d and %.10q", i, j+1, a.Number, a.Status, a.ResponseBody)
				}
			}
			d, err := s.Delivery(t.Context(), "", c.Delivery.ID)
			if err != nil || d.State != step.state || d.Attempts != i+1 || d.EndpointID != c.Delivery.EndpointID || d.CreatedAt != c.Delivery.CreatedAt {
				t.Errorf("step %d: %+v, %v", i, d, err)
			}
		}
		page, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10, State: step.state})
		if err != nil || len(page.Items) != 3 {
			t.Errorf("step %d: lists %d, %v", i, len(page.Items), err)
		}
		if step.state != store.StatePending && i < len(steps)-1 {
			if _, err := s.Requeue(t.Context(), store.RequeueParams{Items: again}); err != nil {
				t.Fatal(err)
			}
		}
	}

	if r, err := s.Purge(t.Context(), store.PurgeParams{BodiesOnly: true, Limit: 10}); err != nil || r.Events != 2 {
		t.Fatal(r, err)
	}
	page, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})
	if err != nil || len(page.Items) != 3 {
		t.Fatal(page, err)
	}
	for _, d := range page.Items {
		attempts, err := s.Attempts(t.Context(), "", d.ID)
		if err != nil || len(attempts) != len(steps) || d.Attempts != len(steps) || d.State != store.StateFailed {
			t.Errorf("%d attempts, %+v, %v", len(attempts), d, err)
		}
		for _, a := range attempts {
			if a.ResponseBody != nil || len(a.RequestHeader) != 5 {
				t.Errorf("attempt %d is left with %.10q and %d headers", a.Number, a.ResponseBody, len(a.RequestHeader))
			}
		}
	}
	if r, err := s.Purge(t.Context(), store.PurgeParams{Limit: 10}); err != nil || r.Events != 2 {
		t.Fatal(r, err)
	}
	for _, key := range keysOf(t, client, prefix) {
		for _, name := range []string{"rows", "attempts", "timed", "held", "leases"} {
			if strings.HasSuffix(key, fmt.Sprint("}", name)) {
				t.Errorf("%s is left", key)
			}
		}
	}
}
