package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

// databasePrefix begins the names of the databases that are made, and dropped,
// in a server.
const databasePrefix = "postrider_bench_"

// fresh makes an empty database for a run, its n-th from 0 on, and what removes
// it. Nothing that an earlier run has left to do goes on in the new one's time,
// as far as the server can be told so.
func (s server) fresh(ctx context.Context, n int) (dsn string, drop func(context.Context) error, err error) {
	switch s.Kind {
	case "":
		return "", func(context.Context) error { return nil }, nil
	case fileServer:
		dir, err := os.MkdirTemp(s.DSN, databasePrefix)
		return dir, func(context.Context) error { return os.RemoveAll(dir) }, err
	case postgresServer:
		return s.freshPostgres(ctx)
	case mysqlServer, mariadbServer:
		return s.freshMySQL(ctx)
	case redisServer, redisClusterServer:
		return s.freshRedis(ctx, n)
	}
	return "", nil, fmt.Errorf("unknown kind of server %q", s.Kind)
}

// checkGiven refuses a server of the user's in which a run would destroy
// something: databases are made beside what is there, but Redis is emptied.
func (s server) checkGiven(ctx context.Context) error {
	if s.Kind == redisServer || s.Kind == redisClusterServer {
		return s.checkEmptyRedis(ctx)
	}
	return nil
}

// databaseName returns a new name.
func databaseName() string { return databasePrefix + strings.ToLower(rand.Text()[:10]) }

func (s server) freshPostgres(ctx context.Context) (string, func(context.Context) error, error) {
	u, err := url.Parse(s.DSN)
	if err != nil || u.Host == "" {
		return "", nil, errors.New("the DSN of Postgres is not of the form postgres://user:password@host:port/database")
	}
	name := databaseName()
	// A checkpoint now will not fall into the run.
	if err := execPostgres(ctx, s.DSN, "CREATE DATABASE "+name, "CHECKPOINT"); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	drop := func(ctx context.Context) error {
		return execPostgres(ctx, s.DSN, "DROP DATABASE "+name+" WITH (FORCE)")
	}
	return u.String(), drop, nil
}

func execPostgres(ctx context.Context, dsn string, statements ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func readyPostgres(ctx context.Context, dsn string) error {
	return retry(ctx, func() error { return execPostgres(ctx, dsn, "SELECT 1") })
}

func (s server) freshMySQL(ctx context.Context) (string, func(context.Context) error, error) {
	cfg, err := mysql.ParseDSN(s.DSN)
	if err != nil {
		return "", nil, fmt.Errorf("the DSN of %s: %w", s.Kind, err)
	}
	name := databaseName()
	if err := execMySQL(ctx, s.DSN, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	cfg.DBName = name
	cfg.ParseTime = true
	drop := func(ctx context.Context) error { return execMySQL(ctx, s.DSN, "DROP DATABASE "+name) }
	return cfg.FormatDSN(), drop, nil
}

func execMySQL(ctx context.Context, dsn, statement string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func readyMySQL(ctx context.Context, dsn string) error {
	// What the driver thinks of a server that is not up yet is no news.
	_ = mysql.SetLogger(&mysql.NopLogger{})
	return retry(ctx, func() error { return execMySQL(ctx, dsn, "SELECT 1") })
}

// retry calls f until it succeeds, and returns its last error when ctx ends.
func retry(ctx context.Context, f func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}
