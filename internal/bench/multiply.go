package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// deliveriesTable is gormstore's, with its default prefix.
const deliveriesTable = "postrider_deliveries"

// sqlDriver is the driver for what the server's databases are, "" if they are
// not SQL.
func (s server) sqlDriver() string {
	switch s.Kind {
	case postgresServer:
		return "pgx"
	case mysqlServer, mariadbServer:
		return "mysql"
	case fileServer:
		return sqliteDriver
	}
	return ""
}

// openSQL opens a database of the server.
func (s server) openSQL(dsn string) (*sql.DB, error) {
	if s.Kind == fileServer {
		dsn = sqliteDSN(dsn, "NORMAL")
	}
	return sql.Open(s.sqlDriver(), dsn)
}

// multiply lets the database copy the rows of delivered deliveries, of which
// there are so many, until there are n. The copies lie in the past. They share
// the events of their patterns; a claim looks at neither.
func (s server) multiply(ctx context.Context, dsn string, patterns, n int) error {
	db, err := s.openSQL(dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	columns, err := s.columns(ctx, db)
	if err != nil {
		return err
	}
	var first, last int64
	err = db.QueryRowContext(ctx, "SELECT MIN(id), MAX(id) FROM "+deliveriesTable).Scan(&first, &last)
	if err != nil {
		return err
	}
	restore, err := s.dropIndexes(ctx, db)
	if err != nil {
		return err
	}
	rest := strings.Join(columns, ", ")
	for i := range n/patterns - 1 {
		shift := (last - first + 1) * int64(i+1)
		statement := fmt.Sprintf("INSERT INTO %[1]s (id, %[2]s) SELECT id - %[3]d, %[2]s FROM %[1]s WHERE state = 2 AND id BETWEEN %[4]d AND %[5]d",
			deliveriesTable, rest, shift, first, last)
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("copy %d: %w", i, err)
		}
	}
	return restore()
}

// dropIndexes removes the secondary indexes, where that makes a difference of
// minutes. The returned function makes them again.
func (s server) dropIndexes(ctx context.Context, db *sql.DB) (restore func() error, err error) {
	if s.Kind != postgresServer {
		return func() error { return nil }, nil
	}
	indexes, err := list(ctx, db, `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = '`+deliveriesTable+`'::regclass AND NOT i.indisunique ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	var definitions []string
	for _, index := range indexes {
		definition, err := list(ctx, db, "SELECT pg_get_indexdef('"+index+"'::regclass)")
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, definition...)
		if _, err := db.ExecContext(ctx, "DROP INDEX "+index); err != nil {
			return nil, err
		}
	}
	return func() error {
		for _, definition := range definitions {
			if _, err := db.ExecContext(ctx, definition); err != nil {
				return fmt.Errorf("%s: %w", definition, err)
			}
		}
		return nil
	}, nil
}

// list returns the rows of a query for one text each.
func list(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// columns are those of the table of deliveries, but for the id.
func (s server) columns(ctx context.Context, db *sql.DB) ([]string, error) {
	query := "SELECT column_name FROM information_schema.columns WHERE table_name = '" + deliveriesTable + "' AND table_schema = "
	switch s.Kind {
	case postgresServer:
		query += "current_schema()"
	case mysqlServer, mariadbServer:
		query += "DATABASE()"
	case fileServer:
		query = "SELECT name FROM pragma_table_info('" + deliveriesTable + "')"
	}
	columns, err := list(ctx, db, query)
	if err != nil {
		return nil, err
	}
	columns = slices.DeleteFunc(columns, func(name string) bool { return name == "id" })
	if len(columns) == 0 {
		return nil, fmt.Errorf("there is no table %s", deliveriesTable)
	}
	return columns, nil
}

// settleDown lets the database do at once what it would do in the background
// some time after much was written.
func (s server) settleDown(ctx context.Context, dsn string) error {
	var statements []string
	switch s.Kind {
	case postgresServer:
		statements = []string{"VACUUM ANALYZE", "CHECKPOINT"}
	case mysqlServer, mariadbServer:
		statements = []string{"ANALYZE TABLE " + deliveriesTable}
	case fileServer:
		statements = []string{"PRAGMA wal_checkpoint(TRUNCATE)"}
	default:
		return nil
	}
	db, err := s.openSQL(dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
