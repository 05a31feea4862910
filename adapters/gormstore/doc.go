// Package gormstore keeps endpoints, events, deliveries and attempts in the SQL
// database that the application already has, through the connection pool of its
// *gorm.DB. An event then commits in the application's own transaction:
//
//	hookStore, err := gormstore.New(db)
//	if err != nil { … }
//	if err := hookStore.Migrate(ctx); err != nil { … }
//	hooks, err := dispatcher.New(hookStore, dispatcher.WithKeyring(keys), …)
//
//	err = db.Transaction(func(tx *gorm.DB) error {
//		if err := tx.Create(&order).Error; err != nil {
//			return err
//		}
//		_, err := hooks.PublishTx(ctx, hookStore.Tx(tx), dispatcher.Event{Type: "order.created", Payload: order})
//		return err
//	})
//	hooks.Wake() // optional: it is found anyway
//
// Rolled back, there is no trace of the event, and nothing is sent. Hosts that
// use database/sql beside gorm have [Store.SQLTx].
//
// # Databases
//
//	              lowest   tested with
//	PostgreSQL    14       15 and 17, also through PgBouncer 1.24
//	MySQL         8.0.1    9
//	MariaDB       10.6     10.11
//	SQLite        3.42     modernc.org/sqlite (pure Go), mattn/go-sqlite3 (cgo)
//
// Lower ones are refused by [New]: they have no SKIP LOCKED, or lack functions.
// This module requires gorm and no driver; gorm's own for these databases will
// do, and on Postgres pgx is what wakes other processes.
//
// The host's *gorm.DB, its logger, its pool and their settings are used and never
// changed, and nothing is closed. Statements go to the pool under gorm: hooks,
// plugins and loggers of the session see nothing of them, and so no secret
// either. A pool should have room for the store beside the host: ten connections
// for an engine that runs are plenty, and one is enough to work at all.
//
// # PostgreSQL
//
// The database's encoding must be UTF8. An engine that runs holds one connection
// to LISTEN; an insert tells the other processes in its own transaction, by
// NOTIFY, or, if the last notice was less than a moment ago (1 to 20 ms, twice the
// time that it took), one a little later tells of all. A transaction of the host
// always notifies. A pool of one or two connections, [WithoutNotify], and drivers
// other than pgx do without: there the newest delivery is looked at instead, up to
// twenty times a second.
//
// Behind PgBouncer in transaction mode everything works but LISTEN; the store
// notices within two seconds. pgx needs what it always needs there: PgBouncer 1.21
// or newer with max_prepared_statements above 0, or
// default_query_exec_mode=exec (or simple_protocol) in the connection string.
//
// A transaction at REPEATABLE READ or SERIALIZABLE that publishes can fail with
// SQLSTATE 40001, as with anything it writes: the host begins it anew.
//
// # MySQL and MariaDB
//
// Tables are InnoDB, and the names in them binary: case and trailing spaces
// count, whatever the server's collation. The store's own transactions run at
// READ COMMITTED, which binary logging by ROW (the default) permits. Times are
// numbers, so parseTime, loc and time_zone may be what they are. The connections'
// character set must be utf8mb4, as it is unless the data source name says
// otherwise; New refuses others. max_allowed_packet must have room for the largest
// batch that is published at once.
//
// A busy connection keeps a hundred and more prepared statements, and the server
// max_prepared_stmt_count of them (16382) for all connections of all processes.
// When there is no room for more, a store logs that and does without its own, at
// the price of more trips to the server; interpolateParams=true saves these.
//
// A transaction at REPEATABLE READ, the default, that repeats an event which was
// stored since its first read holds up other inserts until it ends.
//
// MySQL orders and counts by what has committed, and its purge of old row
// versions waits for the oldest open transaction. Where the host keeps
// transactions open for seconds and more, claims slow down: in a measurement from
// 8 ms to 52 ms at the median, and 156 ms at the 99th percentile.
//
// # SQLite
//
// A file, or a pool of one connection. With more connections transactions have to
// be immediate, since those that begin by reading fail as busy when another one
// writes; New refuses others. This is a good data source name for
// modernc.org/sqlite, with DriverName "sqlite" in gorm.io/driver/sqlite:
//
//	file:app.db?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(1)
//
// and for mattn/go-sqlite3:
//
//	file:app.db?_txlock=immediate&_journal_mode=WAL&_busy_timeout=5000&_synchronous=1
//
// With WAL and synchronous=NORMAL (1) the last commits before a power failure can
// be lost, though not those before the end of a process; with FULL (2) none are.
//
// SQLite has one writer at a time. While a transaction of the host that has
// written, or is immediate, is open, nobody else publishes, claims or settles: keep
// them short. Others wait within the driver, for busy_timeout: where a context or
// [WithTimeout] ends sooner, the call returns no sooner. So a Publish within such a
// transaction, where PublishTx was meant, waits in vain and fails. The store's own
// calls that wait for their turn share a transaction, so many publishers cost less
// than one after another. Several processes on one machine can share a file; on a
// network file system they cannot.
//
// # Tables
//
// [Store.Migrate] makes them, at each start if the host likes; [Migrations] gives
// the same as scripts for golang-migrate and goose. A store whose tables are
// missing, older, or too new says so ([ErrNotMigrated], [ErrSchemaTooNew]).
// Neighbouring versions of the library work on the same tables, so a deployment
// can go process by process. docs/sql.md tells administrators what is in them,
// and how to partition them on Postgres.
//
// Names begin with [DefaultTablePrefix] unless [WithTablePrefix] says otherwise,
// and stand in the connection's schema unless [WithSchema] does. There are no
// foreign keys.
//
// # Clocks
//
// Every time that decides anything is the database's, on SQLite this process's:
// processes may disagree about the time. Numbers of events and deliveries are made
// of it, so lists are in the order of insertion as far as the clock goes forward.
// No clock is a fence: a lease that ran out by a clock that jumped means a second
// attempt at worst, and never a second outcome.
//
// # What it does not do
//
// It does not wake at once where nobody tells (see above). It does not bound the
// size of the tables: [Store.Purge], which the engine calls, does, by age. It
// makes no use of read replicas. A Store is one process's: two engines in one
// process on the same Store find each other's deliveries by polling, once a
// second.
package gormstore
