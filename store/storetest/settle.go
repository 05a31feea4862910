package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var settleProofs = []proof{
	{"Settle/Delivered", settleDelivered},
	{"Settle/Terminal", settleTerminal},
	{"Settle/Delay", settleDelay},
	{"Settle/Release", settleRelease},
	{"Settle/Free", settleFree},
	{"Settle/Reason", settleReason},
	{"Settle/LastStatus", settleLastStatus},
	{"Settle/FirstSuccess", settleFirstSuccess},
	{"Settle/Numbering", settleNumbering},
	{"Settle/Attempt", settleAttempt},
	{"Settle/Mixture", settleMixture},
	{"Settle/Batch", settleBatch},
}

// changed returns a claimed delivery with what every settle changes taken over
// from how it reads now.
func changed(c store.Claimed, now store.Delivery) store.Delivery {
	d := c.Delivery
	d.Claimed, d.VisibleAt, d.UpdatedAt = false, now.VisibleAt, now.UpdatedAt
	return d
}

func settleDelivered(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	t.pass(t.unit)
	before := t.now()
	t.settled(outcome(c, store.StateDelivered))
	after := t.now()
	got := t.delivery("t", id)
	want := changed(c, got)
	want.State, want.Attempts, want.Tries, want.LastStatus, want.DeliveredAt = store.StateDelivered, 1, 1, 200, got.DeliveredAt
	if d := same(got, want); d != "" {
		t.Errorf("a delivered delivery: %s", d)
	}
	if !between(got.DeliveredAt, before, after) || !between(got.UpdatedAt, before, after) {
		t.Errorf("delivered at %v, updated at %v; want the time of the settle, %v to %v", got.DeliveredAt, got.UpdatedAt, before, after)
	}
	if a := t.attempts("t", id); len(a) != 1 || a[0].Number != 1 || a[0].DeliveryID != id {
		t.Errorf("its attempts: %+v", a)
	}

	// A success without an attempt is one, too.
	id = t.publish("t", "e2", "l")[0]
	o := release(t.takeOne(held, "l"))
	o.State = store.StateDelivered
	t.settled(o)
	if d := t.delivery("t", id); d.State != store.StateDelivered || d.DeliveredAt.IsZero() || d.Attempts != 0 {
		t.Errorf("delivered without an attempt: %+v", d)
	}
}

func settleTerminal(t *tester) {
	for _, s := range []store.State{store.StateFailed, store.StateCancelled} {
		id := t.publish("t", s.String(), "l")[0]
		c := t.takeOne(t.unit, "l")
		o := outcome(c, s)
		o.Delay = t.unit // means nothing at the end
		t.settled(o)
		got := t.delivery("t", id)
		want := changed(c, got)
		want.State, want.Reason, want.Attempts, want.Tries, want.LastStatus = s, "http_status", 1, 1, 500
		if d := same(got, want); d != "" {
			t.Errorf("a %v delivery: %s", s, d)
		}
		t.pass(3 * t.unit)
		t.takeNone("l", "it has ended")
	}
}

func settleDelay(t *tester) {
	for _, delay := range []time.Duration{0, -1, -48 * time.Hour, 5 * time.Millisecond, 90 * time.Minute, 400 * 24 * time.Hour} {
		id := t.publish("", delay.String(), "l")[0]
		c := t.takeOne(held, "l")
		o := outcome(c, store.StatePending)
		o.Delay = delay
		before := t.now()
		t.settled(o)
		after := t.now()
		got := t.delivery("", id)
		rest := max(delay, 0)
		if !between(got.VisibleAt, before.Add(rest), after.Add(rest)) {
			t.Errorf("after a delay of %v: VisibleAt %v, want %v from %v to %v", delay, got.VisibleAt, rest, before, after)
		}
		want := changed(c, got)
		want.Reason, want.Attempts, want.Tries, want.LastStatus = "http_status", 1, 1, 500
		if d := same(got, want); d != "" {
			t.Errorf("a delivery with a delay of %v: %s", delay, d)
		}
		if rest == 0 {
			if c := t.takeOne(held, "l"); c.Delivery.ID != id {
				t.Errorf("after a delay of %v: claimed %s, want %s", delay, c.Delivery.ID, id)
			}
		}
		t.cancel("", id)
	}
}

// A release gives a delivery back as if it had not been taken.
func settleRelease(t *tester) {
	id := t.publish("", "e", "l")[0]
	t.settled(outcome(t.takeOne(held, "l"), store.StatePending))
	t.expire("l")
	c := t.takeOne(held, "l")
	t.settled(release(c))
	got := t.delivery("", id)
	if d := same(got, changed(c, got)); d != "" {
		t.Errorf("a release changed: %s", d)
	}
	if got.Attempts != 1 || got.Tries != 1 || got.Expiries != 1 || got.Interrupted != 1 || got.LastStatus != 500 || got.Reason != "http_status" {
		t.Errorf("after a release: %+v", got)
	}
	if n := len(t.attempts("", id)); n != 1 {
		t.Errorf("%d attempts after a release, want 1", n)
	}
	// Nor does an end without an attempt count as one.
	o := release(t.takeOne(held, "l"))
	o.State, o.Reason = store.StateCancelled, "endpoint_deleted"
	t.settled(o)
	if d := t.delivery("", id); d.Attempts != 1 || d.Tries != 1 || d.Expiries != 1 || d.State != store.StateCancelled || d.Reason != "endpoint_deleted" {
		t.Errorf("after an end without an attempt: %+v", d)
	}
}

func settleFree(t *tester) {
	id := t.publish("", "e", "l")[0]
	t.settled(outcome(t.takeOne(held, "l"), store.StatePending))
	t.expire("l")
	o := outcome(t.takeOne(held, "l"), store.StatePending)
	o.Free = true
	t.settled(o)
	if d := t.delivery("", id); d.Attempts != 2 || d.Tries != 1 || d.Expiries != 0 {
		t.Errorf("after a free attempt: %d attempts, %d tries, %d expiries; want 2, 1, 0", d.Attempts, d.Tries, d.Expiries)
	}
	if n := len(t.attempts("", id)); n != 2 {
		t.Errorf("%d attempts are recorded, want 2", n)
	}
	o = release(t.takeOne(held, "l"))
	o.Free = true
	t.settled(o)
	if d := t.delivery("", id); d.Attempts != 2 || d.Tries != 1 {
		t.Errorf("after a free release: %d attempts, %d tries; want 2, 1", d.Attempts, d.Tries)
	}
}

func settleReason(t *tester) {
	id := t.publish("", "e", "l")[0]
	step := func(s store.State, reason, want store.Code) {
		t.tb.Helper()
		o := outcome(t.takeOne(held, "l"), s)
		o.Reason = reason
		t.settled(o)
		if d := t.delivery("", id); d.Reason != want {
			t.Errorf("settled as %v with reason %q: reads %q, want %q", s, reason, d.Reason, want)
		}
	}
	step(store.StatePending, "", "")
	step(store.StatePending, "timeout", "timeout")
	step(store.StatePending, "", "timeout")
	step(store.StatePending, "dns_2", "dns_2")
	step(store.StateFailed, "", "dns_2")
	t.requeue(store.RequeueItem{DeliveryID: id})
	step(store.StatePending, "", "")
	step(store.StateDelivered, "ok", "ok")
}

func settleLastStatus(t *tester) {
	id := t.publish("", "e", "l")[0]
	for _, c := range []struct {
		attempt *store.Attempt
		want    int
	}{{attempt(503), 503}, {nil, 503}, {attempt(0), 0}, {attempt(404), 404}, {nil, 404}} {
		o := release(t.takeOne(held, "l"))
		o.Attempt = c.attempt
		t.settled(o)
		if d := t.delivery("", id); d.LastStatus != c.want {
			t.Errorf("LastStatus is %d, want %d", d.LastStatus, c.want)
		}
	}
}

func settleFirstSuccess(t *tester) {
	id := t.publish("", "e", "l")[0]
	t.finish(store.StateDelivered, "l")
	first := t.delivery("", id).DeliveredAt
	for _, s := range []store.State{store.StateFailed, store.StateDelivered, store.StateCancelled, store.StateDelivered} {
		t.pass(t.unit)
		t.requeue(store.RequeueItem{DeliveryID: id})
		if d := t.delivery("", id); !d.DeliveredAt.Equal(first) {
			t.Errorf("a requeue changed DeliveredAt from %v to %v", first, d.DeliveredAt)
		}
		c := t.takeOne(held, "l")
		if !c.Delivery.DeliveredAt.Equal(first) {
			t.Errorf("claimed with DeliveredAt %v, want %v", c.Delivery.DeliveredAt, first)
		}
		t.settled(outcome(c, s))
		if d := t.delivery("", id); !d.DeliveredAt.Equal(first) || d.State != s {
			t.Errorf("settled as %v: state %v, DeliveredAt from %v to %v", s, d.State, first, d.DeliveredAt)
		}
	}
	failed := t.publish("", "f", "l")[0]
	t.finish(store.StateFailed, "l")
	if d := t.delivery("", failed); !d.DeliveredAt.IsZero() {
		t.Errorf("a failed delivery was delivered at %v", d.DeliveredAt)
	}
}

// Attempts are numbered over the delivery's whole life, by the order in which
// they were settled.
func settleNumbering(t *tester) {
	ids := t.publish("t", "e", "l", "m")
	other := ids[1]
	id := ids[0]
	var want []int
	settle := func(s store.State, status int) {
		o := outcome(t.takeOne(held, "l"), s)
		o.Attempt.Status = status
		o.Attempt.Number = 77 // the store numbers
		o.Attempt.DeliveryID = "someone's"
		o.Attempt.StartedAt = happened.Add(-time.Duration(status) * time.Hour)
		t.settled(o)
		want = append(want, status)
	}
	settle(store.StatePending, 500)
	t.settled(release(t.takeOne(held, "l")))
	settle(store.StatePending, 400)
	settle(store.StateFailed, 600)
	t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
	settle(store.StatePending, 300)
	t.finish(store.StateDelivered, "m")
	t.expire("l")
	settle(store.StateDelivered, 200)
	t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
	t.cancel("t", id)
	for range 8 {
		t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
		settle(store.StateDelivered, 201)
	}
	got := t.attempts("t", id)
	if len(got) != len(want) {
		t.Fatalf("%d attempts are recorded, want %d", len(got), len(want))
	}
	for i, a := range got {
		if a.Number != i+1 || a.Status != want[i] || a.DeliveryID != id {
			t.Errorf("attempt %d: number %d, status %d, of delivery %s; want %d, %d, %s", i, a.Number, a.Status, a.DeliveryID, i+1, want[i], id)
		}
	}
	if d := t.delivery("t", id); d.Attempts != len(want) || d.Tries != 1 {
		t.Errorf("%d attempts, %d tries; want %d, 1", d.Attempts, d.Tries, len(want))
	}
	if a := t.attempts("t", other); len(a) != 1 || a[0].Number != 1 || a[0].DeliveryID != other {
		t.Errorf("the attempts of the other delivery: %+v", a)
	}
}

func settleAttempt(t *tester) {
	full := store.Attempt{
		StartedAt: happened, Duration: 1234567 * time.Microsecond,
		URL: "https://example.com/ü?q='\"\\%00", RemoteAddr: "[2001:db8::1]:443",
		RequestHeader:  []store.Header{{Name: "X-B", Value: "2"}, {Name: "X-A", Value: "1"}, {Name: "X-A", Value: ""}, {Name: "x-a", Value: "日本 🐎"}},
		Status:         503,
		ResponseHeader: []store.Header{{Name: "Content-Type", Value: "text/html; charset=\"utf-8\""}, {Name: "Set-Cookie", Value: "a=b"}, {Name: "Set-Cookie", Value: "c=d"}},
		ResponseBody:   []byte("\x00\x01\xff\xfe <html> 'x'"), Truncated: true,
		Code: "http_status", Error: "it said \"no\"\nand a second line ü",
		Timings: store.Timings{DNS: time.Microsecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Second, FirstByte: 4 * time.Minute, Reused: true},
	}
	big := full
	big.ResponseBody = slices.Repeat([]byte{'x', 0xff}, 32<<10)
	big.RequestHeader = slices.Repeat(full.RequestHeader, 25)
	empty := store.Attempt{ResponseBody: []byte{}}
	given := []store.Attempt{full, {}, empty, big, {Status: 204, Timings: store.Timings{Reused: true}}, {Error: "connection refused", Code: "connect", StartedAt: happened}}
	id := t.publish("t", "e", "l")[0]
	for i := range given {
		o := release(t.takeOne(held, "l"))
		a := given[i]
		o.Attempt = &a
		t.settled(o)
		if d := same(a, given[i]); d != "" {
			t.Errorf("Settle changed the caller's attempt: %s", d)
		}
	}
	got := t.attempts("t", id)
	if len(got) != len(given) {
		t.Fatalf("%d attempts are recorded, want %d", len(got), len(given))
	}
	for i, want := range given {
		want.Number, want.DeliveryID = i+1, id
		if d := kept(got[i], want); d != "" {
			t.Errorf("attempt %d was not kept as given: %.500s", i+1, d)
		}
		if (got[i].ResponseBody == nil) != (want.ResponseBody == nil) {
			t.Errorf("attempt %d: the response body is %#v, want %#v", i+1, got[i].ResponseBody, want.ResponseBody)
		}
	}
}

// One call with all there is: each outcome has its own fate.
func settleMixture(t *tester) {
	const n = 9
	var c []store.Claimed
	for i := range n {
		t.publish("", fmt.Sprint("e", i), fmt.Sprint("l", i))
		c = append(c, t.takeOne(t.unit, fmt.Sprint("l", i)))
	}
	t.pass(2 * t.unit)
	again := t.takeOne(held, "l4") // c[4] is stale
	t.cancel("", c[5].Delivery.ID)
	t.requeue(store.RequeueItem{DeliveryID: c[6].Delivery.ID})
	t.settled(outcome(c[7], store.StateFailed))
	retry := outcome(c[1], store.StatePending)
	retry.Delay = time.Hour
	cancelled := release(c[3])
	cancelled.State, cancelled.Reason = store.StateCancelled, "gone"
	unknown := outcome(c[0], store.StateDelivered)
	unknown.DeliveryID = "unknown"
	lost := t.settle(
		outcome(c[0], store.StateDelivered), retry, outcome(c[5], store.StateDelivered), outcome(c[2], store.StateFailed), unknown, cancelled,
		outcome(c[4], store.StateDelivered), outcome(c[6], store.StateDelivered), outcome(c[7], store.StateDelivered), release(c[8]),
	)
	if !equalSets(lost, []string{c[4].Delivery.ID, c[5].Delivery.ID, c[6].Delivery.ID, "unknown"}) {
		t.Errorf("lost %q, want the stale, the cancelled, the requeued and the unknown one", lost)
	}
	for i, want := range []string{"delivered 1", "pending 1", "failed 1", "cancelled 0", "pending 0", "cancelled 0", "pending 0", "failed 1", "pending 0"} {
		d := t.delivery("", c[i].Delivery.ID)
		if got := fmt.Sprint(d.State, " ", len(t.attempts("", d.ID))); got != want || d.Attempts != len(t.attempts("", d.ID)) {
			t.Errorf("delivery %d is %s and counts %d, want %s", i, got, d.Attempts, want)
		}
	}
	t.settled(outcome(again, store.StateDelivered))
}

func settleBatch(t *tester) {
	const n = 600
	t.fill(n, "l")
	b := t.take(held, n, "l")
	if len(b.Deliveries) != n {
		t.Fatalf("claimed %d of %d", len(b.Deliveries), n)
	}
	var outcomes []store.Outcome
	for i, c := range b.Deliveries {
		o := outcome(c, store.StateDelivered)
		o.Attempt.Status = 200 + i
		outcomes = append(outcomes, o)
	}
	t.settled(outcomes...)
	for i := 0; i < n; i += 37 {
		if a := t.attempts("", outcomes[i].DeliveryID); len(a) != 1 || a[0].Status != 200+i {
			t.Errorf("delivery %d has the attempts %+v", i, a)
		}
	}
	if got := t.stats(store.StatsQuery{}).Total; got != (store.Counts{Delivered: n}) {
		t.Errorf("counts after it: %+v", got)
	}
}
