package dispatcher

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

func (t *tenant) Publish(ctx context.Context, ev Event) (Receipt, error) {
	if err := t.check(); err != nil {
		return Receipt{}, err
	}
	encoded, err := t.engine.encode(t.id, ev, time.Now())
	if err != nil {
		return Receipt{}, err
	}
	rs, err := t.engine.insert(ctx, t.engine.writer, t.id, []store.Event{encoded})
	if len(rs) == 1 {
		return rs[0], err
	}
	return Receipt{}, err
}

func (t *tenant) PublishBatch(ctx context.Context, events []Event) ([]Receipt, error) {
	return t.publish(ctx, t.engine.writer, events)
}

func (t *tenant) PublishTx(ctx context.Context, tx store.Tx, events ...Event) ([]Receipt, error) {
	if tx == nil {
		return nil, invalid("tx", "must not be nil")
	}
	if tx.StoreID() != t.engine.info.ID {
		return nil, store.ErrForeignTx
	}
	return t.publish(ctx, tx, events)
}

func (t *tenant) publish(ctx context.Context, w store.Writer, events []Event) ([]Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	now := time.Now()
	encoded := make([]store.Event, len(events))
	for i, ev := range events {
		var err error
		if encoded[i], err = t.engine.encode(t.id, ev, now); err != nil {
			return nil, within(fmt.Sprintf("events[%d]", i), err)
		}
	}
	return t.engine.insert(ctx, w, t.id, encoded)
}

// insert matches, stores and wakes.
func (e *Engine) insert(ctx context.Context, w store.Writer, tenantID string, events []store.Event) ([]Receipt, error) {
	endpoints, err := e.matches.match(ctx, w, tenantID, events)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: match endpoints: %w", err)
	}
	news := make([]store.NewEvent, len(events))
	for i := range events {
		news[i] = store.NewEvent{Event: events[i], Deliveries: endpoints[i]}
	}
	_, inTx := w.(store.Tx)
	inserted, err := w.Insert(ctx, news)
	if err != nil {
		if !inTx {
			e.Wake() // it may have been stored all the same
		}
		return nil, fmt.Errorf("dispatcher: insert events: %w", err)
	}
	if len(inserted) != len(events) {
		return nil, fmt.Errorf("dispatcher: store %s answered %d events of %d", e.info.Name, len(inserted), len(events))
	}
	receipts := make([]Receipt, len(inserted))
	conflicts := 0
	now := time.Now()
	for i, in := range inserted {
		receipts[i] = Receipt{EventID: in.EventID, Deliveries: in.Deliveries, Duplicate: in.Duplicate, Conflict: in.Conflict}
		switch {
		case in.Conflict:
			conflicts++
			err = fmt.Errorf("dispatcher: event %s was published before with other content: %w", in.EventID, store.ErrConflict)
		case !inTx:
			e.lanes.wakeAll(in.Deliveries, laterOf(now, events[i].At))
		}
		if !in.Conflict && !in.Duplicate {
			e.observers.published(ctx, events[i], in.Deliveries)
		}
	}
	if conflicts > 1 {
		err = fmt.Errorf("dispatcher: %d events were published before with other content: %w", conflicts, store.ErrConflict)
	}
	return receipts, err
}
