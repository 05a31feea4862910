package gormstore_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// through makes a host connect by a configuration of pgx that is changed.
func (h *host) through(tb testing.TB, change func(*pgx.ConnConfig)) {
	h.connect = func() gorm.Dialector {
		config, err := pgx.ParseConfig(servers.SharedPostgres(tb, "17").DSN)
		if err != nil {
			tb.Fatal(err)
		}
		change(config)
		return postgres.New(postgres.Config{Conn: stdlib.OpenDB(*config)})
	}
}

// cut is a connection that is lost between a commit and its answer.
type cut struct {
	net.Conn
	armed *atomic.Bool
	sent  atomic.Bool
}

func (c *cut) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("commit\x00")) && c.armed.CompareAndSwap(true, false) {
		c.sent.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.sent.Load() {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// TestCancelUnknown loses the answer to a commit: whether the delivery was pending
// must not be told by a second look.
func TestCancelUnknown(t *testing.T) {
	var armed atomic.Bool
	h := newHost(t, postgresOf("17"))
	h.through(t, func(config *pgx.ConnConfig) {
		dial := config.DialFunc
		config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			return &cut{Conn: c, armed: &armed}, err
		}
	})
	s := h.store(t, h.open(t, 2))
	id := insert(t, s, newEvent("e", "l"))[0].Deliveries[0].ID
	armed.Store(true)
	was, err := s.Cancel(t.Context(), "", []string{id}, "host")
	if armed.Load() {
		t.Fatal("the connection was not lost")
	}
	if err == nil && !was[0] {
		t.Error("it was told that the delivery, which was cancelled, had not been pending")
	}
	if d, err := s.Delivery(t.Context(), "", id); err != nil || d.State != store.StateCancelled {
		t.Errorf("the delivery is %v, %v; want it cancelled", d.State, err)
	}
}

// before calls something before a statement.
type before func(text string)

func (f before) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	f(q.SQL)
	return ctx
}

func (before) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestEndpointGoesMeanwhile erases an endpoint after a claim has seen that there is
// one, and before it reads the endpoint.
func TestEndpointGoesMeanwhile(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 2)
	other := h.store(t, db)
	var armed atomic.Bool
	h.through(t, func(config *pgx.ConnConfig) {
		config.Tracer = before(func(text string) {
			if strings.Contains(text, h.table("endpoints")+`" e WHERE e.id IN`) && armed.CompareAndSwap(true, false) {
				if err := db.Exec("DELETE FROM " + h.table("endpoints")).Error; err != nil {
					t.Error(err)
				}
			}
		})
	})
	s := h.bare(t, h.open(t, 2))
	newEndpoint(t, other, "l")
	insert(t, other, newEvent("e", "l"))
	armed.Store(true)
	b, err := s.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: "l", N: 1}}, Max: 1, Lease: time.Minute})
	if err != nil || len(b.Deliveries) != 1 || len(b.Endpoints) != 1 {
		t.Fatalf("claimed %+v, %v", b, err)
	}
	if armed.Load() {
		t.Fatal("the endpoint was not read")
	}
	if e := b.Endpoints[0]; e.ID != "l" || e.DeletedAt.IsZero() || b.Deliveries[0].Delivery.EndpointID != "l" {
		t.Errorf("claimed %+v of %+v, want a tombstone of l", b.Deliveries[0].Delivery, e)
	}
}
