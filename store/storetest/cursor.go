package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/store"
)

var cursorProofs = []proof{
	{"Page/InvalidCursor", pageInvalidCursor},
	{"Page/CursorOfAnotherQuery", pageCursorOfAnotherQuery},
}

func pageInvalidCursor(t *tester) {
	for i := range 3 {
		t.publish("", fmt.Sprint("e", i), "l")
		t.endpoint("", fmt.Sprint("ep", i))
	}
	e, err := t.Store.Events(t.ctx, store.EventQuery{Limit: 1})
	t.noError(err, "Events")
	d, err := t.Store.Deliveries(t.ctx, store.DeliveryQuery{Limit: 1})
	t.noError(err, "Deliveries")
	p, err := t.Store.Endpoints(t.ctx, store.EndpointQuery{Limit: 1})
	t.noError(err, "Endpoints")
	garbage := []string{"x", "0", "-1", " ", "null", "{}", "%00", "\x00", "\xff\xfe", "ü", "AAAA", "MTIzNDU2", "' OR 1=1 --", strings.Repeat("A", 5000)}
	refused(t, t.events(store.EventQuery{}), append(garbage, d.Next, p.Next, e.Next+"x"))
	refused(t, t.deliveries(store.DeliveryQuery{}), append(garbage, e.Next, p.Next, d.Next+"x"))
	refused(t, t.endpoints(store.EndpointQuery{}), append(garbage, e.Next, d.Next, p.Next+"x"))
}

func refused[T any](t *tester, l list[T], cursors []string) {
	t.tb.Helper()
	for _, cursor := range cursors {
		p, err := l.page(t.ctx, cursor, 2)
		if !errors.Is(err, store.ErrInvalidCursor) {
			t.Errorf("%s with the cursor %.60q: %d records, %v; want ErrInvalidCursor", l.name, cursor, len(p.Items), err)
		} else if p.Items != nil || p.Next != "" {
			t.Errorf("%s with the cursor %.60q: a page beside the error", l.name, cursor)
		}
	}
}

// A cursor belongs to its query: that of another tenant or with other filters
// is none, and so gives nobody a place in a list that is not his.
func pageCursorOfAnotherQuery(t *tester) {
	for i := range 8 {
		t.publish([]string{"a", "b"}[i%2], fmt.Sprint("e", i), []string{"l", "m"}[i/2%2])
		t.endpoint([]string{"a", "b"}[i%2], fmt.Sprint("ep", i))
		t.pass(2 * precision)
	}
	all, a := store.Scope{All: true}, store.Scope{Tenant: "a"}
	events, err := t.Store.Events(t.ctx, store.EventQuery{Scope: all, Limit: 2})
	t.noError(err, "Events")
	refused(t, t.events(store.EventQuery{Scope: a}), []string{events.Next})
	refused(t, t.events(store.EventQuery{Scope: all, Type: "invoice.paid"}), []string{events.Next})
	refused(t, t.events(store.EventQuery{Scope: all, From: happened}), []string{events.Next})
	deliveries, err := t.Store.Deliveries(t.ctx, store.DeliveryQuery{Scope: a, EndpointID: "l", Limit: 1})
	t.noError(err, "Deliveries")
	for _, q := range []store.DeliveryQuery{
		{Scope: all, EndpointID: "l"}, {Scope: store.Scope{Tenant: "b"}, EndpointID: "l"}, {EndpointID: "l"}, {Scope: a}, {Scope: a, EndpointID: "m"},
		{Scope: a, EndpointID: "l", EventID: "e0"}, {Scope: a, EndpointID: "l", EventType: "invoice.paid"},
		{Scope: a, EndpointID: "l", State: store.StatePending}, {Scope: a, EndpointID: "l", To: t.now()},
	} {
		refused(t, t.deliveries(q), []string{deliveries.Next})
	}
	endpoints, err := t.Store.Endpoints(t.ctx, store.EndpointQuery{Scope: a, Limit: 2})
	t.noError(err, "Endpoints")
	refused(t, t.endpoints(store.EndpointQuery{Scope: all}), []string{endpoints.Next})
	refused(t, t.endpoints(store.EndpointQuery{Scope: store.Scope{Tenant: "b"}}), []string{endpoints.Next})
	refused(t, t.endpoints(store.EndpointQuery{Scope: a, Status: store.EndpointActive}), []string{endpoints.Next})

	// The same query over again is not another one.
	again, err := t.Store.Endpoints(t.ctx, store.EndpointQuery{Scope: a, Limit: 2, Cursor: endpoints.Next})
	if err != nil || len(again.Items) != 2 || again.Next != "" {
		t.Errorf("the following page: %d endpoints, next %q, %v; want the last 2", len(again.Items), again.Next, err)
	}
}
