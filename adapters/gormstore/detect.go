package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// database is what New found out.
type database struct {
	dialect dialect
	// identity tells databases apart, for this process.
	identity string
	durable  bool
	// checkpoint is how long SQLite lets its log become, see [checkpointed].
	checkpoint int64
}

// The lowest versions that can hold the contract: SKIP LOCKED came with MySQL
// 8.0.1 and MariaDB 10.6, the functions used on SQLite with 3.42 (RETURNING with
// 3.35), those on Postgres with 14.
var lowest = map[dialect][3]int{postgres: {14}, mysql: {8, 0, 1}, mariadb: {10, 6}, sqlite: {3, 42}}

// detect finds out what kind of database it is, and refuses one that will not do.
func detect(ctx context.Context, db *sql.DB, name string) (database, error) {
	switch name {
	case "postgres":
		return detectPostgres(ctx, db)
	case "mysql":
		return detectMySQL(ctx, db)
	case "sqlite", "sqlite3":
		return detectSQLite(ctx, db)
	}
	return database{}, fmt.Errorf("gormstore: dialect %q: must be postgres, mysql or sqlite", name)
}

func detectPostgres(ctx context.Context, db *sql.DB) (database, error) {
	var number int
	var encoding, identity string
	var may bool
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
		current_database() || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' || COALESCE(current_schema(), ''),
		has_function_privilege('pg_control_system()', 'EXECUTE')`).
		Scan(&number, &encoding, &identity, &may)
	if err != nil {
		return database{}, failed("asking the server for its version", err)
	}
	if may {
		// Databases of one name and number are on every server.
		var server int64
		if err := db.QueryRowContext(ctx, "SELECT system_identifier FROM pg_control_system()").Scan(&server); err != nil {
			return database{}, failed("asking the server for its identifier", err)
		}
		identity += " " + strconv.FormatInt(server, 10)
	}
	if encoding != "UTF8" {
		return database{}, fmt.Errorf("gormstore: the database's encoding is %s: must be UTF8", encoding)
	}
	return database{dialect: postgres, identity: "postgres " + identity, durable: true},
		checkVersion(postgres, [3]int{number / 10000, number % 10000})
}

func detectMySQL(ctx context.Context, db *sql.DB) (database, error) {
	var version, identity, sent, completion string
	var returned sql.NullString
	var commits bool
	err := db.QueryRowContext(ctx, `SELECT VERSION(), CONCAT(@@hostname, ' ', @@port, ' ', COALESCE(DATABASE(), '')), @@character_set_client, @@character_set_results,
		@@autocommit, @@completion_type`).Scan(&version, &identity, &sent, &returned, &commits, &completion)
	if err != nil {
		return database{}, failed("asking the server for its version", err)
	}
	// Otherwise each statement begins a transaction, or each commit the next one: what
	// is read is of long ago, what is locked stays so, and no other can be begun.
	if !commits || completion != "NO_CHAIN" {
		return database{}, fmt.Errorf("gormstore: connections have autocommit=%t and completion_type=%s: must be true and NO_CHAIN", commits, completion)
	}
	// Through another one, what a receiver has answered could not be stored, and its
	// delivery would be sent again and again. NULL leaves what is returned as it is.
	for _, set := range []string{sent, returned.String} {
		if set != "utf8mb4" && set != "" {
			return database{}, fmt.Errorf("gormstore: the connection's character set is %s: must be utf8mb4 (charset=utf8mb4 in the data source name)", set)
		}
	}
	d := mysql
	if strings.Contains(strings.ToLower(version), "mariadb") {
		d = mariadb
	}
	return database{dialect: d, identity: "mysql " + identity, durable: true}, checkVersion(d, parseVersion(version))
}

func detectSQLite(ctx context.Context, db *sql.DB) (database, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return database{}, failed("asking SQLite for its version", err)
	}
	if err := checkVersion(sqlite, parseVersion(version)); err != nil {
		return database{}, err
	}
	var file string
	if err := db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		return database{}, failed("asking SQLite for its file", err)
	}
	one := db.Stats().MaxOpenConnections == 1
	if file == "" {
		if !one {
			return database{}, errors.New("gormstore: the SQLite database is in memory and each connection has its own: use a file, or SetMaxOpenConns(1)")
		}
		return database{dialect: sqlite, identity: fmt.Sprintf("sqlite memory %p", db)}, nil
	}
	if path, err := filepath.Abs(file); err == nil {
		file = path
	}
	if !one {
		if err := checkImmediate(ctx, db); err != nil {
			return database{}, err
		}
	}
	most, err := checkpointed(ctx, db)
	return database{dialect: sqlite, identity: "sqlite " + file, durable: true, checkpoint: most}, err
}

// checkImmediate refuses a pool whose transactions begin by reading. When such a
// transaction comes to write while another one does, it fails with BUSY at once,
// whatever the busy timeout. It begins a transaction, and looks from another
// connection whether the database can still be written.
func checkImmediate(ctx context.Context, db *sql.DB) (err error) {
	other, err := db.Conn(ctx)
	if err != nil {
		return failed("connecting to SQLite", err)
	}
	defer func() { _ = other.Close() }()
	var timeout int
	if err := other.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&timeout); err != nil {
		return failed("asking SQLite for its busy timeout", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if classify(err) == conflicted {
		return nil // another process writes, and this transaction wanted to: it is immediate
	}
	if err != nil {
		return failed("beginning a transaction", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := other.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return failed("setting SQLite's busy timeout", err)
	}
	_, begun := other.ExecContext(ctx, "BEGIN IMMEDIATE")
	if begun == nil {
		_, err = other.ExecContext(ctx, "ROLLBACK")
	}
	if _, reset := other.ExecContext(ctx, "PRAGMA busy_timeout = "+strconv.Itoa(timeout)); err == nil {
		err = reset
	}
	switch {
	case err != nil:
		return failed("setting SQLite's busy timeout", err)
	case begun == nil:
		return errors.New("gormstore: SQLite's transactions are not immediate, so concurrent ones would fail as busy: open the database with _txlock=immediate")
	case classify(begun) != conflicted:
		return failed("beginning an immediate transaction", begun)
	}
	return nil
}

var versionNumbers = regexp.MustCompile(`\d+`)

func parseVersion(text string) (v [3]int) {
	// MariaDB behind old replication versions calls itself 5.5.5-10.11.6-MariaDB.
	text = strings.TrimPrefix(text, "5.5.5-")
	for i, n := range versionNumbers.FindAllString(text, 3) {
		v[i], _ = strconv.Atoi(n)
	}
	return v
}

func checkVersion(d dialect, have [3]int) error {
	need := lowest[d]
	for i := range need {
		if have[i] != need[i] {
			if have[i] > need[i] {
				break
			}
			return fmt.Errorf("gormstore: %v %s is too old: must be %s or newer", d, dotted(have), dotted(need))
		}
	}
	return nil
}

func dotted(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
