package memstore

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

func TestInfo(t *testing.T) {
	a, b := New(), New(nil, WithMaxDeliveries(-1), WithMaxBytes(0), WithClock(nil))
	info := a.Info()
	if info.Name != "memory" || info.Durable || info.Shared || info.ID == "" || info != a.Info() {
		t.Errorf("Info is %+v, then %+v", info, a.Info())
	}
	if info.ID == b.Info().ID {
		t.Errorf("two stores have the ID %q", info.ID)
	}
	if b.maxUnits != DefaultMaxDeliveries || b.maxBytes != DefaultMaxBytes || b.clock == nil {
		t.Errorf("options without a value left the bounds at %d and %d", b.maxUnits, b.maxBytes)
	}
}

// The zero value is an empty store, whatever is called first.
func TestZeroValue(t *testing.T) {
	ctx := context.Background()
	for name, call := range map[string]func(*Store) error{
		"Info":   func(s *Store) error { s.Info(); return nil },
		"Match":  func(s *Store) error { _, err := s.Match(ctx, "", []string{"x"}); return err },
		"Insert": func(s *Store) error { _, err := s.Insert(ctx, []store.NewEvent{newEvent("e", 1, "l")}); return err },
		"Due":    func(s *Store) error { _, err := s.Due(ctx, store.DueParams{Sweep: true, Limit: 1}); return err },
		"Claim": func(s *Store) error {
			_, err := s.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "l", N: 1}}, Max: 1, Lease: 1})
			return err
		},
		"Settle": func(s *Store) error {
			r, err := s.Settle(ctx, []store.Outcome{{DeliveryID: "dlv", State: store.StateFailed}})
			if err == nil && len(r.Lost) != 1 {
				return errors.New("nothing is lost")
			}
			return err
		},
		"CreateEndpoint": func(s *Store) error {
			_, err := s.CreateEndpoint(ctx, store.Endpoint{ID: "e", Status: store.EndpointActive})
			return err
		},
		"Requeue": func(s *Store) error {
			_, err := s.Requeue(ctx, store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: "d"}}})
			return err
		},
		"Cancel":      func(s *Store) error { _, err := s.Cancel(ctx, "", []string{"d"}, ""); return err },
		"Deliveries":  func(s *Store) error { _, err := s.Deliveries(ctx, store.DeliveryQuery{Limit: 1}); return err },
		"Stats":       func(s *Store) error { _, err := s.Stats(ctx, store.StatsQuery{}); return err },
		"Purge":       func(s *Store) error { _, err := s.Purge(ctx, store.PurgeParams{Limit: 1}); return err },
		"EraseTenant": func(s *Store) error { _, err := s.EraseTenant(ctx, "", 1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var s Store
			if err := call(&s); err != nil {
				t.Error(err)
			}
			if _, err := s.Insert(ctx, []store.NewEvent{newEvent("another", 1, "l")}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Bad arguments are refused with an error that names the field, and change
// nothing.
func TestBadArguments(t *testing.T) {
	ctx := context.Background()
	insert := func(e store.NewEvent) func(*Store) error {
		return func(s *Store) error {
			in, err := s.Insert(ctx, []store.NewEvent{newEvent("good", 1, "l"), e})
			if in != nil {
				return errors.New("a result and an error")
			}
			return err
		}
	}
	long := strings.Repeat("x", 65)
	typed := newEvent("e", 1)
	typed.Event.Type = strings.Repeat("x", 129)
	digest := newEvent("e", 1)
	digest.Event.Digest = make([]byte, 33)
	many := make([]string, 40)
	for i := range many {
		many[i] = strings.Repeat("m", 1+i%39)
	}
	for name, c := range map[string]struct {
		call func(*Store) error
		says string
	}{
		"event without id":     {insert(newEvent("", 1)), "the ID"},
		"event with long id":   {insert(newEvent(long, 1)), "the ID"},
		"long type":            {insert(typed), "the Type"},
		"long digest":          {insert(digest), "the Digest"},
		"no endpoint id":       {insert(newEvent("e", 1, "")), "the EndpointID"},
		"long endpoint id":     {insert(newEvent("e", 1, long)), "the EndpointID"},
		"endpoint twice":       {insert(newEvent("e", 1, "l", "m", "l")), `"l" stands in it twice`},
		"endpoint among many":  {insert(newEvent("e", 1, many...)), "stands in it twice"},
		"Due without limit":    {func(s *Store) error { _, err := s.Due(ctx, store.DueParams{}); return err }, "Limit"},
		"Claim without Max":    {func(s *Store) error { _, err := s.Claim(ctx, store.ClaimParams{Lease: 1}); return err }, "Max"},
		"Claim without Lease":  {func(s *Store) error { _, err := s.Claim(ctx, store.ClaimParams{Max: 1}); return err }, "Lease"},
		"Settle without State": {func(s *Store) error { _, err := s.Settle(ctx, []store.Outcome{{}}); return err }, "State"},
		"Settle with State 5":  {func(s *Store) error { _, err := s.Settle(ctx, []store.Outcome{{State: 5}}); return err }, "State"},
		"endpoint without id": {func(s *Store) error {
			_, err := s.CreateEndpoint(ctx, store.Endpoint{Status: store.EndpointActive})
			return err
		}, "the ID"},
		"endpoint without status": {func(s *Store) error { _, err := s.CreateEndpoint(ctx, store.Endpoint{ID: "e"}); return err }, "Status"},
		"no status":               {func(s *Store) error { _, err := s.SetEndpointStatus(ctx, "", "e", 4, ""); return err }, "Status"},
		"Endpoints":               {func(s *Store) error { _, err := s.Endpoints(ctx, store.EndpointQuery{}); return err }, "Limit"},
		"Events":                  {func(s *Store) error { _, err := s.Events(ctx, store.EventQuery{Limit: -1}); return err }, "Limit"},
		"Deliveries":              {func(s *Store) error { _, err := s.Deliveries(ctx, store.DeliveryQuery{}); return err }, "Limit"},
		"Purge":                   {func(s *Store) error { _, err := s.Purge(ctx, store.PurgeParams{}); return err }, "Limit"},
		"EraseTenant":             {func(s *Store) error { _, err := s.EraseTenant(ctx, "", 0); return err }, "limit"},
	} {
		s := New()
		err := c.call(s)
		if err == nil || !strings.HasPrefix(err.Error(), "memstore: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
		if s.units != 0 || s.bytes != 0 {
			t.Errorf("%s: something was stored", name)
		}
	}
}

// A cursor is good for the query it was made for, in its store, and for no
// other.
func TestCursorsAreBound(t *testing.T) {
	ctx := context.Background()
	h, other := newHarness(t), newHarness(t)
	for _, h := range []*harness{h, other} {
		for _, id := range []string{"a", "b", "c"} {
			h.publish(id, 1, "l")
		}
	}
	q := store.DeliveryQuery{EndpointID: "l", Limit: 1}
	p, err := h.Deliveries(ctx, q)
	if err != nil || p.Next == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	cursor := p.Next
	q.Cursor = cursor
	q.Limit = 2 // the size of a page is no part of the query
	if p, err := h.Deliveries(ctx, q); err != nil || len(p.Items) != 2 || p.Next != "" {
		t.Errorf("the following page is %+v, %v", p, err)
	}
	deliveries := func(s *harness, change func(*store.DeliveryQuery)) error {
		q := q
		change(&q)
		_, err := s.Deliveries(ctx, q)
		return err
	}
	for name, err := range map[string]error{
		"another store":    deliveries(other, func(*store.DeliveryQuery) {}),
		"another tenant":   deliveries(h, func(q *store.DeliveryQuery) { q.Scope.Tenant = "t" }),
		"all tenants":      deliveries(h, func(q *store.DeliveryQuery) { q.Scope.All = true }),
		"another endpoint": deliveries(h, func(q *store.DeliveryQuery) { q.EndpointID = "" }),
		"another event":    deliveries(h, func(q *store.DeliveryQuery) { q.EventID = "a" }),
		"another type":     deliveries(h, func(q *store.DeliveryQuery) { q.EventType = "x" }),
		"another state":    deliveries(h, func(q *store.DeliveryQuery) { q.State = store.StateFailed }),
		"a time":           deliveries(h, func(q *store.DeliveryQuery) { q.From = time.Unix(1, 0) }),
		"another end":      deliveries(h, func(q *store.DeliveryQuery) { q.To = time.Unix(1<<30, 0) }),
		"another list":     second(h.Events(ctx, store.EventQuery{Cursor: cursor, Limit: 1})),
		"the third list":   second(h.Endpoints(ctx, store.EndpointQuery{Cursor: cursor, Limit: 1})),
		"a mark":           second(h.Due(ctx, store.DueParams{Mark: cursor, Limit: 1})),
		"a sweep":          second(h.Due(ctx, store.DueParams{Sweep: true, Cursor: cursor, Limit: 1})),
		"cut":              deliveries(h, func(q *store.DeliveryQuery) { q.Cursor = cursor[1:] }),
		"changed":          deliveries(h, func(q *store.DeliveryQuery) { q.Cursor = "1" + cursor[1:] }),
		"no digits":        deliveries(h, func(q *store.DeliveryQuery) { q.Cursor = strings.Repeat("!", cursorLen) }),
	} {
		if !errors.Is(err, store.ErrInvalidCursor) {
			t.Errorf("%s: %v, want ErrInvalidCursor", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Nil means something else than empty in Retry and Headers.
func TestNilAndEmptyAreKept(t *testing.T) {
	ctx := context.Background()
	for _, want := range []store.Endpoint{
		{ID: "nil", Status: store.EndpointActive, Patterns: []string{"*"}},
		{
			ID: "empty", Status: store.EndpointActive, Patterns: []string{"*"}, Retry: []time.Duration{}, Headers: []byte{},
			Secrets: []store.SealedSecret{}, Metadata: map[string]string{},
		},
	} {
		s := New()
		created, err := s.CreateEndpoint(ctx, want)
		if err != nil {
			t.Fatal(err)
		}
		want.Revision, want.CreatedAt, want.UpdatedAt = created.Revision, created.CreatedAt, created.UpdatedAt
		got, _ := s.Endpoint(ctx, "", want.ID)
		matched, _ := s.Match(ctx, "", []string{"x"})
		for _, e := range []store.Endpoint{created, got, matched[0][0]} {
			if !reflect.DeepEqual(e, want) {
				t.Errorf("%#v, want %#v", e, want)
			}
		}
	}
}

// Long work lets go of the lock and looks at the context in between.
func TestLongWorkHonoursTheContext(t *testing.T) {
	for name, call := range map[string]func(*harness, context.Context) error{
		"Purge": func(h *harness, ctx context.Context) error {
			_, err := h.Purge(ctx, store.PurgeParams{Limit: 1 << 30})
			return err
		},
		"EraseTenant": func(h *harness, ctx context.Context) error { _, err := h.EraseTenant(ctx, "", 1<<30); return err },
		"Deliveries": func(h *harness, ctx context.Context) error {
			_, err := h.Deliveries(ctx, store.DeliveryQuery{State: store.StateFailed, Limit: 1})
			return err
		},
		"Events": func(h *harness, ctx context.Context) error {
			_, err := h.Events(ctx, store.EventQuery{Type: "none", Limit: 1})
			return err
		},
	} {
		c := newFakeClock()
		h := newHarness(t, WithClock(c.now))
		batch := make([]store.NewEvent, 2*step)
		for i := range batch {
			batch[i] = newEvent("e"+strings.Repeat("0", i%50)+time.Duration(i).String(), 1)
			if i%2 == 0 {
				batch[i].Deliveries = []store.NewDelivery{{EndpointID: "l"}, {EndpointID: "m"}}
			}
		}
		if _, err := h.Insert(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		c.t = c.t.Add(time.Hour)
		ctx := &endingContext{Context: context.Background(), left: 2}
		if err := call(h, ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", name, err)
		}
		verify(t, h.Store)
		if h.units == 0 {
			t.Errorf("%s went on after the context had ended", name)
		}
	}
}

// endingContext ends after it was asked some times.
type endingContext struct {
	context.Context
	left int
}

func (c *endingContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
