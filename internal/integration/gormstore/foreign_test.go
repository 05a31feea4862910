package gormstore_test

import (
	"errors"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// TestForeignTransaction publishes in a transaction on another server, whose database
// has the same name.
func TestForeignTransaction(t *testing.T) {
	type process struct {
		db *gorm.DB
		s  *gormstore.Store
		e  *dispatcher.Engine
	}
	var processes []process
	for _, dsn := range []string{servers.SharedPostgres(t, "17").DSN, servers.Postgres(t, "17").DSN} {
		h := newHost(t, database{name: "postgres", shared: true, fresh: fixed(postgres.Open(dsn))})
		h.prefix = "foreign_"
		db := h.open(t, 4)
		s := h.store(t, db)
		processes = append(processes, process{db, s, newEngine(t, s)})
	}
	for i, engine := range processes {
		for j, other := range processes {
			err := other.db.Transaction(func(tx *gorm.DB) error {
				_, err := engine.e.PublishTx(t.Context(), other.s.Tx(tx), dispatcher.Event{Type: "invoice.paid", Payload: "x"})
				return err
			})
			if i == j && err != nil || i != j && !errors.Is(err, store.ErrForeignTx) {
				t.Errorf("the engine on server %d, in a transaction on server %d: %v", i, j, err)
			}
		}
	}
}
