package gormstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// plan is a node of what auto_explain says.
type plan struct {
	Node     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Recheck  float64 `json:"Rows Removed by Index Recheck"`
	Plans    []plan  `json:"Plans"`
}

// looked returns how many rows of the big tables a plan read.
func (p *plan) looked(big func(string) bool) int {
	n := 0
	if big(p.Relation) && strings.Contains(p.Node, "Scan") {
		n = int((p.Rows + p.Removed + p.Recheck) * p.Loops)
	}
	for i := range p.Plans {
		n += p.Plans[i].looked(big)
	}
	return n
}

// outline shows a plan in lines.
func (p *plan) outline(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%*s%s %s: %g rows × %g, %g removed\n", 2*depth, "", p.Node, p.Relation, p.Rows, p.Loops, p.Removed+p.Recheck)
	for i := range p.Plans {
		p.Plans[i].outline(b, depth+1)
	}
}

// TestPlansPostgres has the server say how it carried out each statement, and
// counts the rows that it looked at.
func TestPlansPostgres(t *testing.T) {
	for _, version := range servers.PostgresVersions {
		t.Run(version, func(t *testing.T) { plansPostgres(t, version) })
	}
}

// explained is a session whose connection says how the server carried out what it
// was asked since the last look.
type explained struct {
	*gorm.DB
	mu      sync.Mutex
	entries []explanation
}

type explanation struct {
	text string
	Plan plan
}

func (e *explained) look() []explanation {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.entries
	e.entries = nil
	return seen
}

// explain returns such a session, of so many connections.
func explain(t *testing.T, version string, connections int) *explained {
	config, err := pgx.ParseConfig(servers.SharedPostgres(t, version).DSN)
	if err != nil {
		t.Fatal(err)
	}
	e := &explained{}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, found := strings.Cut(n.Message, "plan:\n")
		if !found {
			return
		}
		x := explanation{text: text}
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			t.Errorf("a plan that is none: %v", err)
		}
		e.mu.Lock()
		e.entries = append(e.entries, x)
		e.mu.Unlock()
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
			SET auto_explain.log_timing = off; SET auto_explain.log_format = json; SET auto_explain.log_level = notice`)
		return err
	}))
	pool.SetMaxOpenConns(connections)
	t.Cleanup(func() { _ = pool.Close() })
	if e.DB, err = gorm.Open(postgres.New(postgres.Config{Conn: pool})); err != nil {
		t.Fatal(err)
	}
	return e
}

// check fails for what looked at more rows of the big tables than it may, and
// tells whether anything looked at one.
func (h *host) check(t *testing.T, name string, most int, entries []explanation) (seen bool) {
	t.Helper()
	big := func(relation string) bool {
		return relation == h.table("deliveries") || relation == h.table("events") || relation == h.table("attempts")
	}
	for i := range entries {
		n := entries[i].Plan.looked(big)
		seen = seen || n > 0
		if n > most {
			var b strings.Builder
			entries[i].Plan.outline(&b, 0)
			t.Errorf("%s: a statement looked at %d rows, at most %d are allowed:\n%s", name, n, most, &b)
		}
	}
	return seen
}

func plansPostgres(t *testing.T, version string) {
	h := newHost(t, postgresOf(version))
	plain := h.open(t, 8)
	h.fill(t, plain, h.store(t, plain))
	db := explain(t, version, 0)
	s := h.bare(t, db.DB)
	seen := false
	for _, o := range operations(t, s) {
		// Often enough for the server to choose a plan without the values of the
		// parameters, where that can be.
		times := 1
		if strings.HasPrefix(o.name, "due") || strings.HasPrefix(o.name, "list") {
			times = 8
		}
		for range times {
			db.look()
			if err := o.call(); err != nil {
				t.Fatalf("%s: %v", o.name, err)
			}
			seen = h.check(t, o.name, o.most, db.look()) || seen
		}
	}
	if !seen {
		t.Error("no statement looked at any row: the plans were not seen")
	}
}

// TestPlansWithoutStatistics has the server plan what finds deliveries by their
// numbers while the tables are small and it knows nothing of them, and then lets
// them grow without it taking notice: it must not have read the queue instead.
// (What reads the queue depends on statistics, which the store sees to.)
func TestPlansWithoutStatistics(t *testing.T) {
	for _, version := range servers.PostgresVersions {
		t.Run(version, func(t *testing.T) {
			h := newHost(t, postgresOf(version))
			plain := h.open(t, 1)
			h.store(t, plain)
			for _, table := range []string{"deliveries", "events", "attempts"} {
				if err := plain.Exec("ALTER TABLE " + h.table(table) + " SET (autovacuum_enabled = off)").Error; err != nil {
					t.Fatal(err)
				}
			}
			db := explain(t, version, 1)
			s := h.bare(t, db.DB)
			lanes := make([]store.Lane, 10)
			for i := range lanes {
				lanes[i] = store.Lane{ID: fmt.Sprint("lane", i), N: 10}
				newEndpoint(t, s, lanes[i].ID)
			}
			round := 0
			// work publishes to all lanes, and claims, settles and cancels.
			work := func() {
				t.Helper()
				event := newEvent(fmt.Sprint("evt", round))
				for _, l := range lanes {
					event.Deliveries = append(event.Deliveries, store.NewDelivery{EndpointID: l.ID})
				}
				round++
				insert(t, s, event)
				b, err := s.Claim(t.Context(), store.ClaimParams{Lanes: lanes, Max: 10, Lease: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				var outcomes []store.Outcome
				for _, c := range b.Deliveries {
					outcomes = append(outcomes, store.Outcome{
						DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200},
					})
				}
				if len(outcomes) < 2 {
					t.Fatalf("claimed %d deliveries", len(outcomes))
				}
				db.look()
				if err := second(s.Cancel(t.Context(), "", []string{outcomes[0].DeliveryID}, "host")); err != nil {
					t.Fatal(err)
				}
				if r, err := s.Settle(t.Context(), outcomes[1:]); err != nil || len(r.Lost) > 0 {
					t.Fatalf("settling: lost %v, %v", r.Lost, err)
				}
			}
			// grow adds rows like those that there are, earlier than all of them.
			grow := func(times int, apart time.Duration) {
				t.Helper()
				for _, text := range []string{
					`INSERT INTO {events} SELECT e.seq - g.n * ?::bigint, e.tenant, e.id || '-' || (g.n * ?::bigint), e.type, e.content_type, e.header, e.digest, e.body,
						e.body_purged, e.span, e.happened_at, e.not_before, e.not_after FROM {events} e, generate_series(1, ?) AS g(n)`,
					`INSERT INTO {deliveries} SELECT d.id - g.n * ?::bigint, d.event_seq - g.n * ?::bigint, d.tenant, d.endpoint_id, 1, 0, 0, d.visible_at, 0,
						d.updated_at, d.size FROM {deliveries} d, generate_series(1, ?) AS g(n)`,
				} {
					text = strings.NewReplacer("{events}", h.table("events"), "{deliveries}", h.table("deliveries")).Replace(text)
					if err := plain.Exec(text, apart, apart, times).Error; err != nil {
						t.Fatal(err)
					}
				}
			}
			work()
			grow(200, time.Second)
			for range 8 {
				work()
			}
			grow(20, time.Hour)
			work()
			if !h.check(t, "settle or cancel", costLittle, db.look()) {
				t.Error("no statement looked at any row: the plans were not seen")
			}
		})
	}
}

// TestPlansOfSkewedLanes looks into the lane of an endpoint with a backlog, beside
// very many with a delivery or two: so few are what the server expects of any.
func TestPlansOfSkewedLanes(t *testing.T) {
	for _, version := range servers.PostgresVersions {
		t.Run(version, func(t *testing.T) {
			h := newHost(t, postgresOf(version))
			plain := h.open(t, 1)
			setUp := h.store(t, plain)
			for from := 0; from < 12_000; from += 500 {
				events := make([]store.NewEvent, 500)
				for i := range events {
					lane := "backlog"
					if n := from + i; n < 4000 {
						lane = fmt.Sprint("lane", n/2)
					}
					events[i] = newEvent(fmt.Sprint("evt", from+i), lane)
				}
				insert(t, setUp, events...)
			}
			if err := plain.Exec("ANALYZE").Error; err != nil {
				t.Fatal(err)
			}
			db := explain(t, version, 1)
			s := h.bare(t, db.DB)
			for range 8 {
				db.look()
				b, err := s.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: "backlog", N: 10}}, Max: 10, Lease: time.Minute})
				if err != nil || len(b.Deliveries) != 10 {
					t.Fatalf("claimed %d deliveries, %v", len(b.Deliveries), err)
				}
				if _, err := s.Due(t.Context(), store.DueParams{Limit: 10, Sweep: true, Mark: "0"}); err != nil {
					t.Fatal(err)
				}
				h.check(t, "claim or due", costLittle, db.look())
			}
		})
	}
}

// TestPlansMySQL counts the rows that the server handles for each call. The
// counters are those of a connection, so there is only one.
func TestPlansMySQL(t *testing.T) {
	for _, d := range databases() {
		if !d.is("mysql") && !d.is("mariadb") {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			plain := h.open(t, 8)
			h.fill(t, plain, h.store(t, plain))
			db := h.open(t, 1)
			s := h.bare(t, db)
			read := func() (rows, statements int) {
				counters, err := db.Raw(`SHOW SESSION STATUS WHERE Variable_name = 'Questions'
					OR Variable_name LIKE 'Handler\_read\_%' AND Variable_name <> 'Handler_read_rnd_deleted'`).Rows()
				if err != nil {
					t.Fatal(err)
				}
				defer counters.Close()
				for counters.Next() {
					var name string
					var n int
					if err := counters.Scan(&name, &n); err != nil {
						t.Fatal(err)
					}
					if name == "Questions" {
						statements = n
					} else {
						rows += n
					}
				}
				if err := counters.Err(); err != nil {
					t.Fatal(err)
				}
				return rows, statements
			}
			first, _ := read()
			second, _ := read()
			overhead := second - first
			seen := false
			for _, o := range operations(t, s) {
				rows, statements := read()
				if err := o.call(); err != nil {
					t.Fatalf("%s: %v", o.name, err)
				}
				n, s := read()
				n, s = n-rows-overhead, s-statements-1
				seen = seen || n > 0
				// The counters are of all statements of a call, and of all tables,
				// temporary ones too.
				if most := o.most * s; n > most {
					t.Errorf("%s: %d rows were read by %d statements, at most %d are allowed", o.name, n, s, most)
				}
			}
			if !seen {
				t.Error("no call read any row: the counters were not seen")
			}
		})
	}
}
