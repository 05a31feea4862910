//go:build unix

package crash

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// page is how many records are read at a time.
const page = 500

// readFinal reads everything that the store has.
func readFinal(ctx context.Context, s store.Store) (history.Final, error) {
	f := history.Final{At: time.Now()}
	events := store.EventQuery{Limit: page}
	for {
		p, err := s.Events(ctx, events)
		if err != nil {
			return f, err
		}
		for i := range p.Items {
			f.Events = append(f.Events, history.FinalEvent{ID: p.Items[i].ID, Body: sha256.Sum256(p.Items[i].Body)})
		}
		if events.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	deliveries := store.DeliveryQuery{Limit: page}
	for {
		p, err := s.Deliveries(ctx, deliveries)
		if err != nil {
			return f, err
		}
		for _, d := range p.Items {
			attempts, err := s.Attempts(ctx, d.Tenant, d.ID)
			if err != nil {
				return f, err
			}
			f.Deliveries = append(f.Deliveries, history.FinalDelivery{Delivery: d, Recorded: attempts})
		}
		if deliveries.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	stats, err := s.Stats(ctx, store.StatsQuery{})
	f.Counts = stats.Total
	return f, err
}
