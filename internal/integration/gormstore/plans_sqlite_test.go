package gormstore_test

import (
	"database/sql"
	"regexp"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// A scan that is none: it reads by falling number and stops at its LIMIT, which
// bounds the candidates of a page.
var newestFirst = map[string]bool{"list of all": true}

var (
	verb     = regexp.MustCompile(`^\s*(SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE)\b`)
	scanned  = regexp.MustCompile(`^SCAN (\S+)`)
	subquery = regexp.MustCompile(`^(?:CO-ROUTINE|MATERIALIZE) (\S+)`)
	aliased  = regexp.MustCompile(`"(\w+)"(?: AS)? (\w+)`)
)

// TestPlansSQLite asks for the plan of each statement. A statement is seen when
// it is prepared, by the first call that needs it.
func TestPlansSQLite(t *testing.T) {
	h := newHost(t, sqlitePure)
	plain := h.open(t, 4)
	h.fill(t, plain, h.store(t, plain))
	r := &recorder{driver: poolOf(t, plain).Driver(), dsn: h.connect().(sqlite.Dialector).DSN}
	pool := sql.OpenDB(r)
	defer pool.Close()
	db, err := gorm.Open(sqlite.Dialector{DriverName: "sqlite", Conn: pool})
	if err != nil {
		t.Fatal(err)
	}
	s := h.bare(t, db)
	big := map[string]bool{h.table("deliveries"): true, h.table("events"): true, h.table("attempts"): true}
	scan := "SELECT d.id FROM " + h.table("deliveries") + " d WHERE d.tenant = ?"
	if got := h.scans(t, plain, scan); len(got) != 1 || got[0] != "d" {
		t.Fatalf("the scans of a statement that scans: %q", got)
	}
	statements := 0
	for _, o := range operations(t, s) {
		r.take()
		if err := o.call(); err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		for _, text := range r.take() {
			if !verb.MatchString(text) {
				continue
			}
			statements++
			of := map[string]string{}
			for _, m := range aliased.FindAllStringSubmatch(text, -1) {
				of[m[2]] = m[1]
			}
			for _, table := range h.scans(t, plain, text) {
				if (big[table] || big[of[table]]) && !newestFirst[o.name] {
					t.Errorf("%s: a scan of %s in\n%.400s", o.name, table, text)
				}
			}
		}
	}
	if statements < 30 {
		t.Errorf("only %d statements were seen", statements)
	}
}

// scans returns the names by which a statement scans tables. Parameters are
// NULL, which plans do not depend on.
func (h *host) scans(tb testing.TB, db *gorm.DB, text string) (names []string) {
	tb.Helper()
	args := make([]any, strings.Count(text, "?"))
	rows, err := poolOf(tb, db).QueryContext(tb.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		tb.Fatalf("%v in\n%s", err, text)
	}
	defer rows.Close()
	type node struct {
		parent int
		name   string
	}
	var found []node
	subqueries := map[node]bool{} // what is scanned then is their result
	for rows.Next() {
		var id, unused int
		var n node
		var line string
		if err := rows.Scan(&id, &n.parent, &unused, &line); err != nil {
			tb.Fatal(err)
		}
		if m := scanned.FindStringSubmatch(line); m != nil {
			n.name = m[1]
			found = append(found, n)
		} else if m := subquery.FindStringSubmatch(line); m != nil {
			n.name = m[1]
			subqueries[n] = true
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	for _, n := range found {
		if !subqueries[n] {
			names = append(names, n.name)
		}
	}
	return names
}
