package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

// Tables says where the tables are.
type Tables struct {
	// Dialect is postgres, mysql (MariaDB too) or sqlite.
	Dialect string
	// Schema qualifies the names of tables; "" leaves it to the connection.
	Schema string
	// Prefix begins the names of tables.
	Prefix string
	// Render turns a statement of a file into what the database is sent.
	Render func(text string) string
}

// State is how far the tables are. The zero State is that of an empty database.
type State struct {
	Version    int
	Compatible int
	// step is how many statements of the version after Version are done, where
	// a version is not a transaction.
	step int
}

// Names of values in the table meta.
const (
	metaVersion    = "schema_version"
	metaCompatible = "schema_compatible"
	metaStep       = "schema_step"
)

// Querier is a pool, a connection or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// State reads how far the tables are. It is safe in a transaction of Postgres,
// which a statement that fails would end.
func (t Tables) State(ctx context.Context, q Querier) (State, error) {
	exists, args := t.existsMeta()
	var there bool
	if err := each(ctx, q, exists, args, func(r *sql.Rows) error { return r.Scan(&there) }); err != nil || !there {
		return State{}, err
	}
	var s State
	err := each(ctx, q, t.Render("SELECT name, value FROM {meta} WHERE name LIKE 'schema%'"), nil, func(r *sql.Rows) error {
		var name, value string
		if err := r.Scan(&name, &value); err != nil {
			return err
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("migrations: %s is %q in the table %smeta: must be a number", name, value, t.Prefix)
		}
		switch name {
		case metaVersion:
			s.Version = n
		case metaCompatible:
			s.Compatible = n
		case metaStep:
			s.step = n
		}
		return nil
	})
	return s, err
}

func (t Tables) existsMeta() (text string, args []any) {
	switch t.Dialect {
	case "postgres":
		return "SELECT to_regclass($1) IS NOT NULL", []any{t.Render("{meta}")}
	case "mysql":
		return "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?",
			[]any{t.Schema, t.Prefix + "meta"}
	}
	main := "sqlite_master"
	if t.Schema != "" {
		main = `"` + t.Schema + `".` + main
	}
	return "SELECT COUNT(*) FROM " + main + " WHERE type = 'table' AND name = ?", []any{t.Prefix + "meta"}
}

// Record returns the statements that note that the tables are at v, with nothing
// done of the version after it: whoever did a part of v may have been another.
func (t Tables) Record(v Version) []string {
	texts := []string{t.set(metaVersion, v.Number), t.set(metaCompatible, v.Compatible)}
	if t.Dialect == "mysql" {
		texts = append(texts, t.set(metaStep, 0))
	}
	return texts
}

// set returns a statement that stores a value.
func (t Tables) set(name string, value int) string {
	if t.Dialect == "mysql" {
		return fmt.Sprintf("REPLACE INTO {meta} (name, value) VALUES ('%s', '%d')", name, value)
	}
	return fmt.Sprintf("INSERT INTO {meta} (name, value) VALUES ('%s', '%d') ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
}

func each(ctx context.Context, q Querier, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
