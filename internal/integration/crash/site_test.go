//go:build unix

package crash

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// site is a place where a store lives, as processes are told of it.
type site struct {
	Kind string // names a kind of store, and with it the driver
	DSN  string
	// Prefix is that of a store's keys on Redis.
	Prefix string
	// Bare leaves calls of Redis as they end: the client does not make them again
	// after an answer was lost.
	Bare bool
	// Unwaited acknowledges before a replica has what was written.
	Unwaited bool
}

// kinds are the stores that the suite runs on.
var kinds = []string{"sqlite", "postgres", "mysql", "mariadb", "redis", "redis-cluster"}

// place is where the stores of one kind are made. SQLite's has no server.
type place struct {
	kind   string
	server *servers.Server
	// cluster is there instead of a server for "redis-cluster".
	cluster *servers.Cluster
	fresh   func(t *testing.T) site // an empty store
}

// newPlace starts a server of a kind, whose settings are those of a durable one:
// it is going to be killed.
func newPlace(t *testing.T, kind string) place {
	t.Helper()
	database := func(d *servers.Database) place {
		return place{kind: kind, server: d.Server, fresh: func(t *testing.T) site { return site{Kind: kind, DSN: d.NewDatabase(t)} }}
	}
	switch kind {
	case "sqlite":
		return place{kind: kind, fresh: sqliteSite}
	case "postgres":
		return database(servers.Postgres(t, "17"))
	case "mysql":
		return database(servers.MySQL(t, "9"))
	case "mariadb":
		return database(servers.MariaDB(t, "10.11"))
	case "redis":
		s := servers.Redis(t, "7.0", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
		return place{kind: kind, server: s, fresh: func(*testing.T) site { return site{Kind: kind, DSN: s.Addr(), Prefix: "t" + rand.Text()[:8]} }}
	case "redis-cluster":
		c := servers.RedisCluster(t, "7.0", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
		return place{kind: kind, cluster: c, fresh: func(*testing.T) site {
			return site{Kind: kind, DSN: strings.Join(c.Addrs(), ","), Prefix: "t" + rand.Text()[:8]}
		}}
	}
	t.Fatalf("unknown kind of store %q", kind)
	return place{}
}

func sqliteSite(t *testing.T) site {
	return site{Kind: "sqlite", DSN: "file:" + filepath.Join(t.TempDir(), "postrider.db") +
		"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(1)&_txlock=immediate"}
}

// through is the same site as it is reached through a proxy.
func (s site) through(p place, addr string) site {
	s.DSN = strings.ReplaceAll(s.DSN, p.server.Addr(), addr)
	return s
}

// open opens the store with a pool of its own, of at most as many connections,
// and makes its tables.
func (s site) open(ctx context.Context, connections int) (store.Store, func() error, error) {
	if s.Kind == "redis" {
		options := &redis.Options{Addr: s.DSN, PoolSize: connections}
		if s.Bare {
			options.MaxRetries = -1
		}
		client := redis.NewClient(options)
		st, err := redisstore.New(client, redisstore.WithPrefix(s.Prefix))
		if err != nil {
			return nil, nil, err
		}
		return st, client.Close, nil
	}
	if s.Kind == "redis-cluster" {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(s.DSN, ","), PoolSize: connections})
		options := []redisstore.Option{redisstore.WithPrefix(s.Prefix), redisstore.WithShards(6)}
		if !s.Unwaited {
			options = append(options, redisstore.WithWait(1))
		}
		st, err := redisstore.New(client, options...)
		if err != nil {
			return nil, nil, err
		}
		return st, client.Close, nil
	}
	var dialector gorm.Dialector
	switch s.Kind {
	case "sqlite":
		dialector = sqlite.Dialector{DriverName: "sqlite", DSN: s.DSN}
	case "postgres":
		dialector = postgres.Open(s.DSN)
	case "mysql", "mariadb":
		dialector = mysql.Open(s.DSN)
	default:
		return nil, nil, fmt.Errorf("unknown kind of store %q", s.Kind)
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	st, err := gormstore.New(db, gormstore.WithLogger(slog.New(slog.DiscardHandler)))
	if err == nil {
		err = st.Migrate(ctx)
	}
	if err != nil {
		_ = pool.Close()
		return nil, nil, err
	}
	return st, pool.Close, nil
}
