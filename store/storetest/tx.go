package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var txProofs = []proof{
	{"Tx/StoreID", txStoreID},
	{"Tx/Commit", txCommit},
	{"Tx/Rollback", txRollback},
	{"Tx/Match", txMatch},
	{"Tx/Duplicate", txDuplicate},
	{"Tx/BlocksNobody", txBlocksNobody},
}

func (t *tester) begin() Tx {
	t.tb.Helper()
	t.need(t.Begin != nil, "Begin hook")
	tx, err := t.Begin()
	t.noError(err, "Begin")
	return tx
}

func (t *tester) insertTx(tx Tx, events ...store.NewEvent) []store.Inserted {
	t.tb.Helper()
	in, err := tx.Insert(t.ctx, events)
	if err != nil || len(in) != len(events) {
		_ = tx.Rollback()
		t.Fatalf("Insert in a transaction: %d results, %v", len(in), err)
	}
	return in
}

func txStoreID(t *tester) {
	tx := t.begin()
	if tx.StoreID() != t.Store.Info().ID {
		t.Errorf("the transaction's store is %q, want %q", tx.StoreID(), t.Store.Info().ID)
	}
	t.noError(tx.Rollback(), "Rollback")
}

func txCommit(t *tester) {
	tx := t.begin()
	mark := t.due(store.DueParams{Limit: 10}).Mark
	in := t.insertTx(tx, with(event("", "e"), "l"), with(event("", "f"), "l"))
	if in[0].Duplicate || len(in[0].Deliveries) != 1 {
		t.Errorf("Insert in a transaction: %+v", in[0])
	}
	t.wantCount(0, 0)
	if !t.Store.Info().SingleWriter {
		t.takeNone("l", "the transaction has not ended")
	}
	t.noError(tx.Commit(), "Commit")
	t.wantCount(2, 2)
	if got := t.stats(store.StatsQuery{}).Total; got != (store.Counts{Pending: 2}) {
		t.Errorf("counts after the commit: %+v", got)
	}
	lanes, _ := t.tail(mark, 10)
	if swept := t.sweep(10, nil); coming(swept) != "l" {
		t.Errorf("after the commit the sweep reports %q, the tail %q; want l", coming(swept), coming(lanes))
	}
	if b := t.take(held, 10, "l"); len(b.Deliveries) != 2 {
		t.Errorf("claimed %d deliveries after the commit, want 2", len(b.Deliveries))
	}
}

func txRollback(t *tester) {
	tx := t.begin()
	in := t.insertTx(tx, with(event("", "e"), "l"))
	t.noError(tx.Rollback(), "Rollback")
	t.wantGone("", "e", in[0].Deliveries[0].ID)
	t.wantCount(0, 0)
	if s := t.stats(store.StatsQuery{}); s.Total != (store.Counts{}) || len(s.Endpoints) != 0 {
		t.Errorf("counts after the rollback: %+v", s)
	}
	if got := coming(t.sweep(10, nil)); got != "" {
		t.Errorf("after the rollback the sweep reports %q", got)
	}
	t.insert(with(event("", "e"), "l")) // the id is free
}

func txMatch(t *tester) {
	t.endpoint("a", "x", "invoice.*")
	t.endpoint("b", "y", "*")
	tx := t.begin()
	got, err := tx.Match(t.ctx, "a", []string{"invoice.paid", "other"})
	if err2 := tx.Rollback(); err2 != nil {
		t.Errorf("Rollback: %v", err2)
	}
	if err != nil || len(got) != 2 || len(got[0]) != 1 || got[0][0].ID != "x" || len(got[1]) != 0 {
		t.Errorf("Match in a transaction: %v, %v", got, err)
	}
}

func txDuplicate(t *tester) {
	first := t.insert(with(event("", "old"), "l"))[0]
	tx := t.begin()
	clash := event("", "new")
	clash.Digest = []byte("another")
	in := t.insertTx(tx, with(event("", "old"), "l"), with(event("", "new"), "l"))
	in = append(in, t.insertTx(tx, with(event("", "new"), "l"), with(clash, "l"))...)
	t.noError(tx.Commit(), "Commit")
	if !in[0].Duplicate || !slices.Equal(refs(in[0]), refs(first)) {
		t.Errorf("an event stored before the transaction: %+v, want Duplicate", in[0])
	}
	if in[1].Duplicate || in[1].Conflict || !in[2].Duplicate || !in[3].Conflict {
		t.Errorf("an event, itself again, and another by its id in one transaction: %+v", in[1:])
	}
	t.wantCount(2, 2)
}

// While a host's transaction is open, others publish to the same endpoint,
// look, claim and settle; or wait for it, if one at a time can write.
func txBlocksNobody(t *tester) {
	if t.Store.Info().SingleWriter {
		t.txBlocksWriters()
		return
	}
	t.endpoint("", "l")
	t.publish("", "before", "l")
	tx := t.begin()
	t.insertTx(tx, with(event("", "inside"), "l"))
	soon, cancel := context.WithTimeout(t.ctx, 10*time.Second)
	other := t.on(t.Store)
	other.ctx = soon
	defer cancel()
	defer func() { _ = tx.Rollback() }()
	other.publish("", "meanwhile", "l")
	other.sweep(10, nil)
	b := other.take(held, 10, "l")
	if len(b.Deliveries) != 2 {
		t.Errorf("claimed %d deliveries beside the open transaction, want 2", len(b.Deliveries))
	}
	for _, c := range b.Deliveries {
		other.settled(outcome(c, store.StateDelivered))
	}
	other.status("", "l", store.EndpointPaused, "")
}

// txBlocksWriters: while a host's transaction is open, reading goes on; what
// would write waits until its context ends and leaves nothing, or until the
// transaction ends and is done.
func (t *tester) txBlocksWriters() {
	t.endpoint("", "l")
	t.publish("", "before", "l")
	tx := t.begin()
	ended := false
	defer func() {
		if !ended {
			_ = tx.Rollback()
		}
	}()
	t.insertTx(tx, with(event("", "inside"), "l"))
	t.wantCount(1, 1)
	if got := coming(t.sweep(10, nil)); got != "l" {
		t.Errorf("beside the open transaction the sweep reports %q, want l", got)
	}
	soon, cancel := context.WithTimeout(t.ctx, 200*time.Millisecond)
	defer cancel()
	if in, err := t.Store.Insert(soon, []store.NewEvent{with(event("", "gone"), "l")}); err == nil {
		t.Errorf("Insert beside the open transaction of the one writer: %+v and no error", in)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := t.Store.Insert(t.ctx, []store.NewEvent{with(event("", "waits"), "l")})
		waited <- err
	}()
	t.noError(tx.Commit(), "Commit")
	ended = true
	t.noError(<-waited, "Insert that waited for the transaction")
	if b := t.take(held, 10, "l"); len(b.Deliveries) != 3 {
		t.Errorf("claimed %d deliveries after the commit, want 3: before, inside, waits", len(b.Deliveries))
	}
}
