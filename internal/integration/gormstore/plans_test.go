package gormstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
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

func plansPostgres(t *testing.T, version string) {
	config, err := pgx.ParseConfig(servers.SharedPostgres(t, version).DSN)
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		text string
		Plan plan
	}
	var mu sync.Mutex
	var entries []entry
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, found := strings.Cut(n.Message, "plan:\n")
		if !found {
			return
		}
		e := entry{text: text}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Errorf("a plan that is none: %v", err)
		}
		mu.Lock()
		entries = append(entries, e)
		mu.Unlock()
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
			SET auto_explain.log_timing = off; SET auto_explain.log_format = json; SET auto_explain.log_level = notice`)
		return err
	}))
	defer pool.Close()
	h := newHost(t, postgresOf(version))
	plain := h.open(t, 8)
	s := h.store(t, plain)
	h.fill(t, plain, s)
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}))
	if err != nil {
		t.Fatal(err)
	}
	s = h.bare(t, db)
	big := func(relation string) bool {
		return relation == h.table("deliveries") || relation == h.table("events") || relation == h.table("attempts")
	}
	seen := false
	for _, o := range operations(t, s) {
		// Often enough for the server to choose a plan without the values of the
		// parameters, where that can be.
		times := 1
		if strings.HasPrefix(o.name, "due") || strings.HasPrefix(o.name, "list") {
			times = 8
		}
		for range times {
			mu.Lock()
			entries = nil
			mu.Unlock()
			if err := o.call(); err != nil {
				t.Fatalf("%s: %v", o.name, err)
			}
			mu.Lock()
			for i := range entries {
				n := entries[i].Plan.looked(big)
				seen = seen || n > 0
				if n > o.most {
					var b strings.Builder
					entries[i].Plan.outline(&b, 0)
					t.Errorf("%s: a statement looked at %d rows, at most %d are allowed:\n%s", o.name, n, o.most, &b)
				}
			}
			mu.Unlock()
		}
	}
	if !seen {
		t.Error("no statement looked at any row: the plans were not seen")
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
