package gormstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

var errChanged = errors.New("the host changed its mind")

// TestTransaction publishes in transactions of the host, on a pool that has only
// the connection that the transaction holds.
func TestTransaction(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 1)
		for name, session := range map[string]*gorm.DB{
			"plain":    db,
			"prepared": db.Session(&gorm.Session{PrepareStmt: true}),
		} {
			t.Run(name, func(t *testing.T) {
				s := h.store(t, db)
				transaction(t, db, session, s, name)
			})
		}
	})
}

func transaction(t *testing.T, db, session *gorm.DB, s *gormstore.Store, name string) {
	ctx := within(t, 20*time.Second)
	lane := "ep_" + name
	newEndpoint(t, s, lane)
	before, _ := count(t, s)
	publish := func(tx *gorm.DB, id string) error {
		w := s.Tx(tx.WithContext(ctx))
		matches, err := w.Match(ctx, "", []string{"invoice.paid"})
		if err != nil || len(matches) != 1 || len(matches[0]) == 0 {
			t.Errorf("Match in the transaction: %v, %v", matches, err)
		}
		in, err := w.Insert(ctx, []store.NewEvent{newEvent(name+id, lane)})
		if err == nil && (len(in) != 1 || len(in[0].Deliveries) != 1) {
			t.Errorf("Insert in the transaction: %+v", in)
		}
		return err
	}

	err := session.Transaction(func(tx *gorm.DB) error {
		if err := publish(tx, "rolled-back"); err != nil {
			t.Error(err)
		}
		return errChanged
	})
	if !errors.Is(err, errChanged) {
		t.Fatal(err)
	}
	err = session.Transaction(func(tx *gorm.DB) error {
		if err := publish(tx, "outer"); err != nil {
			return err
		}
		inner := tx.Transaction(func(tx *gorm.DB) error {
			if err := publish(tx, "savepoint-rolled-back"); err != nil {
				t.Error(err)
			}
			return errChanged
		})
		if !errors.Is(inner, errChanged) {
			return inner
		}
		return tx.Transaction(func(tx *gorm.DB) error { return publish(tx, "savepoint") })
	})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := poolOf(t, db).BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	insert(t, s.SQLTx(tx), newEvent(name+"sql", lane))
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}

	var ids []string
	for _, c := range claim(t, s, lane) {
		ids = append(ids, strings.TrimPrefix(c.Delivery.EventID, name))
	}
	if got := strings.Join(ids, " "); got != "outer savepoint sql" {
		t.Errorf("what was committed: %q, want outer savepoint sql", got)
	}
	if after, _ := count(t, s); after != before+3 {
		t.Errorf("there are %d events more, want 3", after-before)
	}
}

// TestNoTransaction hands in what is none.
func TestNoTransaction(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 1)
		s := h.store(t, db)
		foreign := sqlitePure
		if d.is("sqlite") {
			foreign = postgresOf("17")
		}
		for _, tt := range []struct {
			name string
			tx   store.Tx
			want string
		}{
			{"session", s.Tx(db), "not in a transaction"},
			{"prepared session", s.Tx(db.Session(&gorm.Session{PrepareStmt: true})), "not in a transaction"},
			{"nil session", s.Tx(nil), "is nil"},
			{"nil transaction", s.SQLTx(nil), "is nil"},
			{"other kind", s.Tx(newHost(t, foreign).open(t, 1)), "of a database"},
		} {
			if tt.tx.StoreID() != s.Info().ID {
				t.Errorf("%s: the store's id is %q, want %q", tt.name, tt.tx.StoreID(), s.Info().ID)
			}
			for call, err := range map[string]error{
				"Insert": second(tt.tx.Insert(t.Context(), []store.NewEvent{newEvent("e", "l")})),
				"Match":  second(tt.tx.Match(t.Context(), "", []string{"x"})),
			} {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s, %s: error %v, want one with %q", tt.name, call, err, tt.want)
				}
			}
		}
		wantCount(t, s, 0, 0)

		tx := db.Begin()
		tx.Rollback()
		if _, err := s.Tx(tx).Insert(t.Context(), []store.NewEvent{newEvent("e", "l")}); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("Insert in a transaction that has ended: %v, want sql.ErrTxDone", err)
		}
		wantCount(t, s, 0, 0)
	})
}

// TestInsertIsWhole lets an Insert in a host's transaction fail at its last
// table. On Postgres that ends the transaction, elsewhere it goes on without it.
func TestInsertIsWhole(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 2)
		s := h.store(t, db)
		works(t, s, "before")
		rename := func(from, to string) {
			t.Helper()
			if err := db.Exec("ALTER TABLE " + h.table(from) + " RENAME TO " + h.table(to)).Error; err != nil {
				t.Fatal(err)
			}
		}
		rename("deltas", "hidden")
		tx := db.Begin()
		defer tx.Rollback()
		if _, err := s.Tx(tx).Insert(t.Context(), []store.NewEvent{newEvent("e", "l"), newEvent("f", "l")}); err == nil {
			t.Error("Insert without the table deltas succeeded")
		}
		if err := tx.Commit().Error; err != nil && !d.is("postgres") {
			t.Errorf("commit: %v", err)
		}
		rename("hidden", "deltas")
		wantCount(t, s, 1, 1)
	})
}

// ending is a transaction of the host that ends the context of an Insert: before
// the statement of that place, or, if late is set, that long after its beginning.
type ending struct {
	*sql.Tx
	end   context.CancelFunc
	place int
	late  time.Duration
}

func (e *ending) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	e.at()
	return e.Tx.ExecContext(ctx, text, args...)
}

func (e *ending) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	e.at()
	return e.Tx.QueryContext(ctx, text, args...)
}

func (e *ending) at() {
	switch e.place--; {
	case e.place != 0:
	case e.late > 0:
		time.AfterFunc(e.late, e.end)
	default:
		e.end()
	}
}

// TestInsertCutShort lets the context of an Insert end in the host's transaction on
// SQLite, before and within each of its statements. The host's transaction goes on,
// and the Insert is whole or not at all.
func TestInsertCutShort(t *testing.T) {
	for _, d := range []database{sqlitePure, sqliteCgo} {
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 2)
			s := h.store(t, db)
			if err := db.Exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)").Error; err != nil {
				t.Fatal(err)
			}
			long := make([]string, 20_000) // they take longer than the driver needs to notice
			for i := range long {
				long[i] = fmt.Sprint("ep", i)
			}
			events, orders := 0, 0
			// try tells whether the Insert succeeded.
			try := func(e *ending, to ...string) bool {
				tx := db.Begin()
				defer tx.Rollback()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e.Tx, e.end = tx.Statement.ConnPool.(*sql.Tx), cancel
				order := func() {
					orders++
					if err := tx.Exec("INSERT INTO orders VALUES (?)", orders).Error; err != nil {
						t.Error(err)
					}
				}
				order()
				session := tx.Session(&gorm.Session{NewDB: true})
				session.Statement.ConnPool = e
				_, err := s.Tx(session).Insert(ctx, []store.NewEvent{newEvent(fmt.Sprint("e", orders), to...)})
				if err == nil {
					events++
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				order()
				if err := tx.Commit().Error; err != nil {
					t.Errorf("commit: %v", err)
				}
				stored, _ := count(t, s)
				if stored != events {
					t.Fatalf("there are %d events, want %d, after an Insert with the result %v", stored, events, err)
				}
				var kept int
				if err := db.Raw("SELECT COUNT(*) FROM orders").Scan(&kept).Error; err != nil || kept != orders {
					t.Fatalf("there are %d orders, want %d, %v", kept, orders, err)
				}
				return err == nil
			}
			for place, done := 1, false; !done; place++ {
				done = try(&ending{place: place}, "a", "b")
			}
			for place := 1; place <= 6; place++ {
				try(&ending{place: place, late: time.Millisecond}, long...)
			}
		})
	}
}

// TestDuplicateBehindSnapshot inserts, in a transaction that reads as of its
// beginning, an event that was stored since.
func TestDuplicateBehindSnapshot(t *testing.T) {
	for _, d := range databases() {
		if !d.is("mysql") && !d.is("mariadb") {
			continue // SQLite has one writer; Postgres ends such a transaction by 40001, and the host begins anew
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			s := h.store(t, db)
			err := db.Transaction(func(tx *gorm.DB) error {
				var n int
				if err := tx.Raw("SELECT COUNT(*) FROM " + h.table("events")).Scan(&n).Error; err != nil {
					return err
				}
				first := insert(t, s, newEvent("e", "l"))[0]
				again := insert(t, s.Tx(tx), newEvent("e", "l"))[0]
				if !again.Duplicate || len(again.Deliveries) != 1 || again.Deliveries[0] != first.Deliveries[0] {
					t.Errorf("the second insert: %+v, want a duplicate of %+v", again, first)
				}
				if d.is("mysql") {
					return nil // it keeps a lock of the insert that met its key
				}
				// Nobody else waits for this transaction.
				if _, err := s.Insert(within(t, 5*time.Second), []store.NewEvent{newEvent("other", "l")}); err != nil {
					t.Errorf("an insert beside the transaction: %v", err)
				}
				return nil
			}, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestDuplicateHoldsUpNobody repeats an event in a transaction that goes on, and
// publishes others beside it.
func TestDuplicateHoldsUpNobody(t *testing.T) {
	for _, d := range databases() {
		if d.is("sqlite") {
			continue // it has one writer
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			s := h.store(t, db)
			first := insert(t, s, newEvent("e", "l"))[0]
			err := db.Transaction(func(tx *gorm.DB) error {
				in := insert(t, s.Tx(tx), newEvent("e", "l"), newEvent("b", "l"))
				if !in[0].Duplicate || len(in[0].Deliveries) != 1 || in[0].Deliveries[0] != first.Deliveries[0] || in[1].Duplicate {
					t.Errorf("the second insert: %+v, want a duplicate of %+v and another", in, first)
				}
				if _, err := s.Insert(within(t, 5*time.Second), []store.NewEvent{newEvent("f", "l")}); err != nil {
					t.Errorf("an insert beside the transaction: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			wantCount(t, s, 3, 3)
		})
	}
}

// TestHostUntouched compares what belongs to the host before and after.
func TestHostUntouched(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 3)
		pool := poolOf(t, db)
		config, log, statement := db.Config, db.Logger, db.Statement
		plugins, clauses := len(db.Plugins), len(db.ClauseBuilders)
		s := h.store(t, db)
		works(t, s, "work")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.Listen(ctx, func(...string) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Listen: %v, want the context's error", err)
		}
		if db.Config != config || db.Logger != log || db.Statement != statement || len(db.Plugins) != plugins || len(db.ClauseBuilders) != clauses {
			t.Error("the host's session changed")
		}
		if again := poolOf(t, db); again != pool {
			t.Error("the host's pool is another one")
		}
		if most := pool.Stats().MaxOpenConnections; most != 3 {
			t.Errorf("the pool has %d connections at most, want 3", most)
		}
		if err := pool.PingContext(t.Context()); err != nil {
			t.Errorf("the pool: %v", err)
		}
		if used := pool.Stats().InUse; used != 0 {
			t.Errorf("%d connections are kept", used)
		}
	})
}
