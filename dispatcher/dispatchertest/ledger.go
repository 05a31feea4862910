package dispatchertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// ledger is the store under a Recorder: it remembers events, and has neither
// endpoints nor deliveries. What it does not need for that, unfakedstore.go
// answers.
type ledger struct {
	t TB

	mu        sync.Mutex
	published []Published
	// seen holds the digest of each event, by which a store tells a duplicate
	// from a conflict.
	seen     map[eventKey][]byte
	failures []error
	ended    bool
}

type eventKey struct{ tenant, id string }

var _ store.Store = (*ledger)(nil)

// end is called when the test ends, after which nothing may be reported to it.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// ledgerID need not differ between Recorders: a Tx knows its ledger.
const ledgerID = "dispatchertest"

// Info implements [store.Store].
func (l *ledger) Info() store.Info { return store.Info{Name: "dispatchertest", ID: ledgerID} }

// Match implements [store.Writer]; there are no endpoints.
func (l *ledger) Match(ctx context.Context, _ string, types []string) ([][]store.Endpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return make([][]store.Endpoint, len(types)), nil
}

// Insert implements [store.Writer].
func (l *ledger) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fail(ctx); err != nil {
		return nil, err
	}
	fresh, inserted := l.sort(recordsOf(ctx, events, false), nil)
	l.keep(fresh)
	return inserted, nil
}

// fail takes the next error of FailNext.
func (l *ledger) fail(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(l.failures) == 0 {
		return nil
	}
	err := l.failures[0]
	l.failures = l.failures[1:]
	return err
}

// sort tells fresh records from those that are recorded already, stand in
// pending, or stand twice among the records.
func (l *ledger) sort(records, pending []Published) (fresh []Published, inserted []store.Inserted) {
	inserted = make([]store.Inserted, len(records))
	for i, p := range records {
		inserted[i].EventID = p.Stored.ID
		digest, known := l.seen[keyOf(p)]
		for _, others := range [][]Published{pending, fresh} {
			if j := slices.IndexFunc(others, func(o Published) bool { return keyOf(o) == keyOf(p) }); j >= 0 {
				digest, known = others[j].Stored.Digest, true
			}
		}
		switch {
		case !known:
			fresh = append(fresh, p)
		case bytes.Equal(digest, p.Stored.Digest):
			inserted[i].Duplicate = true
		default:
			inserted[i].Conflict = true
		}
	}
	return fresh, inserted
}

// keep records what is fresh.
func (l *ledger) keep(fresh []Published) {
	for _, p := range fresh {
		l.seen[keyOf(p)] = p.Stored.Digest
	}
	l.published = append(l.published, fresh...)
}

func keyOf(p Published) eventKey { return eventKey{p.Tenant, p.Stored.ID} }

// Event implements [store.Inspector].
func (l *ledger) Event(ctx context.Context, tenant, id string) (store.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Event{}, err
	}
	for _, p := range l.published {
		if keyOf(p) == (eventKey{tenant, id}) {
			return p.Stored, nil
		}
	}
	return store.Event{}, store.ErrNotFound
}

// hostEvents is the key of the events as the host passed them: the store sees
// their encoded form alone.
type hostEvents struct{}

func withHostEvents(ctx context.Context, events []dispatcher.Event) context.Context {
	return context.WithValue(ctx, hostEvents{}, events)
}

// recordsOf copies the events, as a store owes its callers.
func recordsOf(ctx context.Context, events []store.NewEvent, inTx bool) []Published {
	passed, _ := ctx.Value(hostEvents{}).([]dispatcher.Event)
	now := time.Now().UTC()
	records := make([]Published, len(events))
	for i := range events {
		e := events[i].Event
		e.Body, e.Digest, e.Header = bytes.Clone(e.Body), bytes.Clone(e.Digest), slices.Clone(e.Header)
		e.CreatedAt = now
		records[i] = Published{Tenant: e.Tenant, Stored: e, InTx: inTx}
		if len(passed) == len(events) {
			records[i].Event = passed[i]
		} else { // published through the embedded Dispatcher
			records[i].Event = dispatcher.Event{ID: e.ID, Type: e.Type, Time: e.Time, At: e.At, Until: e.Until}
		}
	}
	return records
}

// Tx is a transaction in which nothing but PublishTx of its [Recorder] can be
// done, for code under test that is handed its transaction. It is not safe for
// concurrent use.
type Tx struct {
	ledger  *ledger
	pending []Published
	ended   bool
}

var _ store.Tx = (*Tx)(nil)

var errTxEnded = errors.New("dispatchertest: the transaction has ended")

// Begin returns a transaction. One that is never committed records nothing.
func (r *Recorder) Begin() *Tx { return &Tx{ledger: r.ledger} }

// Commit records what was published in the transaction. An event whose ID or Key
// was recorded meanwhile is left out. The error says that the transaction has
// ended before.
func (tx *Tx) Commit() error {
	if tx.ended {
		return errTxEnded
	}
	tx.ended = true
	tx.ledger.mu.Lock()
	defer tx.ledger.mu.Unlock()
	fresh, _ := tx.ledger.sort(tx.pending, nil)
	tx.ledger.keep(fresh)
	return nil
}

// Rollback forgets what was published in the transaction. The error says that
// the transaction has ended before.
func (tx *Tx) Rollback() error {
	if tx.ended {
		return errTxEnded
	}
	tx.ended = true
	tx.pending = nil
	return nil
}

// StoreID implements [store.Tx].
func (tx *Tx) StoreID() string { return ledgerID }

// Match implements [store.Writer]; there are no endpoints.
func (tx *Tx) Match(ctx context.Context, tenant string, types []string) ([][]store.Endpoint, error) {
	return tx.ledger.Match(ctx, tenant, types)
}

// Insert implements [store.Writer].
func (tx *Tx) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if tx.ended {
		return nil, errTxEnded
	}
	l := tx.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fail(ctx); err != nil {
		return nil, err
	}
	fresh, inserted := l.sort(recordsOf(ctx, events, true), tx.pending)
	tx.pending = append(tx.pending, fresh...)
	return inserted, nil
}

// adopted stands in for a transaction of another store.
type adopted struct{ *ledger }

// StoreID implements [store.Tx].
func (adopted) StoreID() string { return ledgerID }

// Insert implements [store.Writer].
func (a adopted) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	tx := Tx{ledger: a.ledger}
	inserted, err := tx.Insert(ctx, events)
	if err != nil {
		return nil, err
	}
	return inserted, tx.Commit()
}
