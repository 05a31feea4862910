package gormstore

import "strconv"

// dialect is the kind of database.
type dialect uint8

const (
	postgres dialect = iota + 1
	sqlite
	mysql
	mariadb
)

var dialectNames = [...]string{postgres: "postgres", sqlite: "sqlite", mysql: "mysql", mariadb: "mariadb"}

func (d dialect) String() string { return dialectNames[d] }

// layout is the folder of the dialect's migrations.
func (d dialect) layout() string {
	if d == mariadb {
		return mysql.String()
	}
	return d.String()
}

// now is an expression for the database's time in microseconds since 1970, the
// same throughout a statement on MySQL. It depends on no time zone. SQLite runs
// in this process, so its clock is this process's; see [conn.now].
func (d dialect) now() string {
	switch d {
	case postgres:
		return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
	case mysql, mariadb:
		return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
	case sqlite:
		return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
	}
	panic("gormstore: unknown dialect")
}

func (d dialect) quote(name string) string {
	if d == mysql || d == mariadb {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// byQueue makes a statement read the deliveries before it by the queue's index,
// whatever the planner thinks. Postgres has no such hint.
func (d dialect) byQueue() string {
	switch d {
	case sqlite:
		return " INDEXED BY {deliveries_queue}"
	case mysql, mariadb:
		return " FORCE INDEX ({deliveries_queue})"
	case postgres:
	}
	return ""
}

// postgresKeptNow is {now} in a statement whose plan Postgres keeps. Its parameter
// is postgresDear.
//
// The server keeps a plan for any values if that costs less than its plans for
// the values of the first five calls did on average. Where tables have grown
// since, or their statistics changed, it does not, and the server plans hundreds of
// times, which takes more than half as long as a claim, until the average has
// caught up. The sub-select looks dear where the value is known and cheap where it
// is not, and is never carried out.
const postgresKeptNow = "coalesce({now}, (SELECT count(*) FROM generate_series(1, ?::int)))"

// postgresDear stays below what a server compiles (jit_above_cost).
const postgresDear = 1_000_000

// leases tells that a lease has a column of its own, which no index has: a claim
// that changes no index costs a fraction. What is leased stays at the front of its
// lane, and is passed over. On MySQL and MariaDB a claim moves visible_at to the
// lease's end.
func (d dialect) leases() bool { return d == postgres || d == sqlite }

// visible is an expression for when a delivery d is visible.
func (d dialect) visible() string {
	switch d {
	case postgres:
		return "greatest(d.visible_at, d.leased_until)"
	case sqlite:
		return "MAX(d.visible_at, d.leased_until)"
	}
	return "d.visible_at"
}

// release is an assignment that ends a delivery's lease, with a comma.
func (d dialect) release() string {
	if d.leases() {
		return "leased_until = 0, "
	}
	return ""
}

// leasesMost is how many deliveries at the front of a lane are looked at for one
// that is not leased and for the lease that ends first: more of one lane are
// hardly ever out at once.
const leasesMost = 1000

// next is an expression for when a lane has work next, as of a time.
func (d dialect) next(lane, now string) string {
	if d.leases() {
		return "COALESCE(" + d.due(lane, now) + ", " + d.later(lane, now) + ")"
	}
	return "(SELECT h.visible_at FROM {deliveries} h" + d.byQueue() + " WHERE h.state = 1 AND h.endpoint_id = " + lane +
		" ORDER BY h.visible_at, h.id LIMIT 1)"
}

// due is an expression for when the first delivery of a lane was to be had that is
// visible at a time and not leased, where there are leases.
func (d dialect) due(lane, now string) string {
	return `(SELECT h.visible_at FROM {deliveries} h` + d.byQueue() + `
			WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at <= ` + now + ` AND h.leased_until <= ` + now + `
			ORDER BY h.visible_at, h.id LIMIT 1)`
}

// later is an expression for when a lane has work next of which nothing can be had
// at a time, where there are leases: when the first of its leases ends, or when the
// next delivery is visible.
func (d dialect) later(lane, now string) string {
	lease := `(SELECT MIN(q.leased_until) FROM (SELECT h.leased_until FROM {deliveries} h` + d.byQueue() + `
			WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at <= ` + now + `
			ORDER BY h.visible_at, h.id LIMIT ` + strconv.Itoa(leasesMost) + `) q WHERE q.leased_until > ` + now + `)`
	visible := `(SELECT h.visible_at FROM {deliveries} h` + d.byQueue() + `
			WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at > ` + now + ` ORDER BY h.visible_at, h.id LIMIT 1)`
	if d == postgres {
		return "least(" + lease + ", " + visible + ")"
	}
	return "COALESCE(MIN(" + lease + ", " + visible + "), " + lease + ", " + visible + ")"
}
