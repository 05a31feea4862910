// Package servers starts the databases that the tests of the stores run against: PostgreSQL, MySQL, MariaDB and PgBouncer,
// Redis and Valkey, alone, as a cluster, and under Sentinel. Each server is a container of its own, started through
// testcontainers-go, and ends with the test, or with the package's tests when it is shared. Besides, [Proxy] stands between
// a client and a server and makes the network fail.
//
// # Servers
//
// [Postgres] and its like start a server for one test; what they take beyond a version are arguments of the server's own
// command line, such as "-c", "fsync=off". SharedPostgres and its like return one server to all tests of a package that ask
// for the same; its durability is switched off, and its stores are kept apart by [Database.NewDatabase] or
// [Database.NewSchema]. A package that shares servers has
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
// A server keeps its address over [Server.Restart], [Server.Kill] and [Server.Start], so that clients find it again. Its
// data is on disk and stays, too, as far as the server's own settings promise.
//
// # Containers
//
// Where Docker or an image cannot be had, the test is skipped by the name of the server, which `make test` shows at its end;
// with POSTRIDER_REQUIRE_CONTAINERS=1 it fails. The image of, say, PostgreSQL 17 is the one that POSTRIDER_IMAGE_POSTGRES_17
// names; else postrider-test/postgres:17, which .ci/images/build makes, if it is there; else the official postgres:17. The
// name "none" skips what needs the server in any case.
//
// On Linux containers use the host's network: what is measured is then the server and not Docker's port forwarding, and the
// nodes of a cluster see the addresses that clients see. Elsewhere ports are published, and what needs several containers is
// skipped. Servers listen on the loopback address alone.
//
// The containers' reaper of testcontainers-go is not used, since it is one more image that must be had. What a killed test
// process leaves behind is removed by the next one that starts a server.
package servers
