package servers

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MySQLVersions and MariaDBVersions are the versions that the stores are tested with.
var (
	MySQLVersions   = []string{"9"}
	MariaDBVersions = []string{"10.11"}
)

// MySQL starts MySQL of a version for one test. Arguments go to the server, such as "--sync-binlog=0".
func MySQL(tb testing.TB, version string, args ...string) *Database {
	tb.Helper()
	return own(tb, "mysql "+version, func(ctx context.Context) (*Database, error) {
		return startMySQL(ctx, version, "", args...)
	})
}

// SharedMySQL returns MySQL of a version to all tests of a package. Its files are in memory, and it takes 500
// connections.
func SharedMySQL(tb testing.TB, version string) *Database {
	tb.Helper()
	return shared(tb, "mysql "+version, func(ctx context.Context) (*Database, error) {
		return startMySQL(ctx, version, mysqlData, "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--max-connections=500")
	})
}

// MariaDB starts MariaDB of a version for one test. Arguments go to the server, such as
// "--innodb-flush-log-at-trx-commit=0".
func MariaDB(tb testing.TB, version string, args ...string) *Database {
	tb.Helper()
	return own(tb, "mariadb "+version, func(ctx context.Context) (*Database, error) {
		return startMariaDB(ctx, version, "", args...)
	})
}

// SharedMariaDB returns MariaDB of a version to all tests of a package. Its files are in memory, and it takes 500
// connections.
func SharedMariaDB(tb testing.TB, version string) *Database {
	tb.Helper()
	return shared(tb, "mariadb "+version, func(ctx context.Context) (*Database, error) {
		return startMariaDB(ctx, version, mysqlData, "--innodb-flush-log-at-trx-commit=0", "--max-connections=500")
	})
}

// mysqlData is where the images of MySQL and MariaDB keep their databases.
const mysqlData = "/var/lib/mysql"

func startMySQL(ctx context.Context, version, memory string, args ...string) (*Database, error) {
	// On the host's network the X protocol's port would be the same for all.
	return startMySQLKind(ctx, "mysql", version, memory, slices.Concat([]string{"mysqld", "--mysqlx=OFF"}, args))
}

func startMariaDB(ctx context.Context, version, memory string, args ...string) (*Database, error) {
	return startMySQLKind(ctx, "mariadb", version, memory, slices.Concat([]string{"mariadbd"}, args))
}

func startMySQLKind(ctx context.Context, kind, version, memory string, command []string) (*Database, error) {
	s, err := start(ctx, recipe{
		kind: kind, version: version, memory: memory,
		env: map[string]string{"MYSQL_ROOT_PASSWORD": account, "MYSQL_DATABASE": account},
		command: func(listen string, port int) []string {
			return slices.Concat(command, []string{"--bind-address=" + listen, "--port=" + strconv.Itoa(port)})
		},
		ready: func(ctx context.Context, addr string) error { return pingMySQL(ctx, mysqlDSN(addr, account)) },
	})
	if err != nil {
		return nil, err
	}
	return newDatabase(s, mysqlDialect{}), nil
}

// mysqlDSN returns a DSN as go-sql-driver takes it. Its user is root, who may make databases.
func mysqlDSN(addr, database string) string {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = "root", account, "tcp", addr, database
	c.ParseTime = true
	return c.FormatDSN()
}
