// Package gormstore holds the tests of adapters/gormstore that need a database:
// the conformance suite, migrations, transactions, query plans, and what the
// store promises about the host's pool. SQLite runs in this process; the others
// are those of package servers.
package gormstore
