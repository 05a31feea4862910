package gormstore_test

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// renamed is a dialector of another name.
type renamed struct{ gorm.Dialector }

func (renamed) Name() string { return "sqlserver" }

// TestRefused opens databases that cannot hold the contract.
func TestRefused(t *testing.T) {
	file := func(options string) gorm.Dialector {
		return sqlite.Dialector{DriverName: "sqlite", DSN: "file:" + filepath.Join(t.TempDir(), "r.db") + options}
	}
	for _, tt := range []struct {
		name        string
		dialector   gorm.Dialector
		connections int
		option      gormstore.Option
		want        string // "" is accepted
	}{
		{"unknown dialect", renamed{file(sqliteOptions)}, 2, nil, `dialect "sqlserver"`},
		{"deferred transactions", file("?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)"), 4, nil, "_txlock=immediate"},
		{"deferred transactions, one connection", file("?_pragma=journal_mode(WAL)"), 1, nil, ""},
		{"immediate transactions", file(sqliteOptions), 4, nil, ""},
		{"in memory", sqlite.Dialector{DriverName: "sqlite", DSN: "file::memory:?_txlock=immediate"}, 4, nil, "in memory"},
		{"in memory, one connection", sqlite.Dialector{DriverName: "sqlite", DSN: ":memory:"}, 1, nil, ""},
		{"prefix", file(sqliteOptions), 4, gormstore.WithTablePrefix("a b"), "table prefix"},
		{"no prefix", file(sqliteOptions), 4, gormstore.WithTablePrefix(""), "table prefix"},
		{"schema", file(sqliteOptions), 4, gormstore.WithSchema(`x"; DROP`), "schema"},
		{"timeout", file(sqliteOptions), 4, gormstore.WithTimeout(time.Millisecond), "timeout"},
		{"logger", file(sqliteOptions), 4, gormstore.WithLogger(nil), "logger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &host{connect: func() gorm.Dialector { return tt.dialector }}
			db := h.open(t, tt.connections)
			s, err := gormstore.New(db, tt.option)
			switch {
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
				if err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				works(t, s, "accepted")
			}
		})
	}
	for name, db := range map[string]*gorm.DB{"nil": nil, "never opened": {}} {
		if _, err := gormstore.New(db); err == nil || !strings.Contains(err.Error(), "must not be nil") {
			t.Errorf("%s: %v", name, err)
		}
	}
	db := (&host{connect: func() gorm.Dialector { return file(sqliteOptions) }}).open(t, 1)
	for name, session := range map[string]*gorm.DB{"as it is": db, "prepared": db.Session(&gorm.Session{PrepareStmt: true})} {
		err := session.Transaction(func(tx *gorm.DB) error {
			_, err := gormstore.New(tx)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "must not be a transaction") {
			t.Errorf("a transaction of the session %s: %v", name, err)
		}
	}
	if _, err := gormstore.New(db, nil); err != nil {
		t.Errorf("an option that is nil: %v", err)
	}
}

// TestRefusedEncoding opens a database that cannot hold every text.
func TestRefusedEncoding(t *testing.T) {
	server := servers.SharedPostgres(t, "17")
	admin := (&host{connect: func() gorm.Dialector { return postgres.Open(server.DSN) }}).open(t, 1)
	if err := admin.Exec("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Exec("DROP DATABASE latin WITH (FORCE)") })
	dsn, err := url.Parse(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/latin"
	db := (&host{connect: func() gorm.Dialector { return postgres.Open(dsn.String()) }}).open(t, 1)
	if _, err := gormstore.New(db); err == nil || !strings.Contains(err.Error(), "LATIN1: must be UTF8") {
		t.Errorf("a database of encoding LATIN1: %v", err)
	}
}

// TestRefusedCharacterSet connects by one that cannot carry every text.
func TestRefusedCharacterSet(t *testing.T) {
	for name, dsn := range map[string]string{"mysql": servers.SharedMySQL(t, "9").DSN, "mariadb": servers.SharedMariaDB(t, "10.11").DSN} {
		for _, set := range []string{"utf8", "latin1"} {
			db := (&host{connect: fixed(mysql.Open(with(dsn, "charset="+set)))(t)}).open(t, 1)
			if _, err := gormstore.New(db); err == nil || !strings.Contains(err.Error(), "must be utf8mb4") {
				t.Errorf("%s by charset=%s: %v", name, set, err)
			}
		}
		db := (&host{connect: fixed(mysql.Open(with(dsn, "charset=utf8mb4")))(t)}).open(t, 1)
		if _, err := gormstore.New(db); err != nil {
			t.Errorf("%s by charset=utf8mb4: %v", name, err)
		}
	}
}

// TestRefusedTransactions connects so that transactions begin by themselves.
func TestRefusedTransactions(t *testing.T) {
	for name, dsn := range map[string]string{"mysql": servers.SharedMySQL(t, "9").DSN, "mariadb": servers.SharedMariaDB(t, "10.11").DSN} {
		for _, setting := range []string{"autocommit=0", "completion_type=1"} {
			db := (&host{connect: fixed(mysql.Open(with(dsn, setting)))(t)}).open(t, 1)
			if _, err := gormstore.New(db); err == nil || !strings.Contains(err.Error(), "must be true and NO_CHAIN") {
				t.Errorf("%s with %s: %v", name, setting, err)
			}
		}
	}
}

// TestTimeZones connects with settings that shift what drivers make of times.
func TestTimeZones(t *testing.T) {
	pg, my, maria := servers.SharedPostgres(t, "17").DSN, servers.SharedMySQL(t, "9").DSN, servers.SharedMariaDB(t, "10.11").DSN
	tokyo := "parseTime=true&loc=Asia%2FTokyo&time_zone=%27%2B09%3A00%27"
	for name, d := range map[string]database{
		"postgres": {name: "postgres", fresh: fixed(postgres.Open(with(pg, "timezone=Asia/Tokyo")))},
		"mysql":    {name: "mysql", fresh: fixed(mysql.Open(with(my, tokyo)))},
		"mariadb":  {name: "mariadb", fresh: fixed(mysql.Open(with(maria, tokyo)))},
	} {
		t.Run(name, func(t *testing.T) {
			d.shared = true
			h := newHost(t, d)
			s := h.store(t, h.open(t, 4))
			works(t, s, "zone")
			e, err := s.Event(t.Context(), "", "evt_zone")
			if err != nil {
				t.Fatal(err)
			}
			if age := time.Since(e.CreatedAt); age < -time.Minute || age > time.Minute || e.CreatedAt.Location() != time.UTC {
				t.Errorf("an event of now was created at %v, %v ago", e.CreatedAt, age)
			}
			at := time.Now().Add(time.Hour).In(time.FixedZone("", 5*3600)).Truncate(time.Microsecond)
			later := newEvent("later", "l")
			later.Event.At = at
			insert(t, s, later)
			got, err := s.Event(t.Context(), "", "later")
			if err != nil || !got.At.Equal(at) {
				t.Errorf("an event of %v has the time %v, %v", at, got.At, err)
			}
			if n := len(claim(t, s, "l")); n != 0 {
				t.Errorf("claimed %d deliveries of an event of in an hour", n)
			}
		})
	}
}

func fixed(d gorm.Dialector) func(testing.TB) func() gorm.Dialector {
	return func(testing.TB) func() gorm.Dialector {
		return func() gorm.Dialector {
			if m, ok := d.(*mysql.Dialector); ok {
				return mysql.Open(m.DSN) // the dialector remembers its driver's configuration
			}
			return d
		}
	}
}

// with adds parameters to a DSN.
func with(dsn, parameters string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + parameters
	}
	return dsn + "?" + parameters
}

// TestSchema keeps the tables in a schema, which on MySQL is a database and on
// SQLite an attached one.
func TestSchema(t *testing.T) {
	const schema = "hooks"
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		connections := 8
		if d.is("sqlite") {
			connections = 1 // only this connection has it attached
		}
		db := h.open(t, connections)
		schema := schema + strings.TrimSuffix(h.prefix, "_")
		create, drop := "CREATE SCHEMA "+schema, "DROP SCHEMA "+schema
		switch h.kind() {
		case "postgres":
			drop += " CASCADE"
		case "sqlite":
			create, drop = "ATTACH DATABASE '"+filepath.Join(t.TempDir(), "a.db")+"' AS "+schema, "DETACH DATABASE "+schema
		}
		if err := db.Exec(create).Error; err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.WithContext(context.Background()).Exec(drop).Error; err != nil {
				t.Error(err)
			}
		})
		s := h.store(t, db, gormstore.WithSchema(schema))
		works(t, s, "schema")
		if err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		var n int
		if err := db.Raw("SELECT COUNT(*) FROM " + schema + "." + h.table("deliveries")).Scan(&n).Error; err != nil || n != 1 {
			t.Errorf("there are %d deliveries in the schema, %v; want 1", n, err)
		}
		other := h.store(t, db) // beside it, under the same prefix
		wantCount(t, other, 0, 0)
		if r, err := s.EraseTenant(t.Context(), "", 10); err != nil || r.Events != 1 {
			t.Errorf("erased %+v, %v, want one event", r, err)
		}
		if other.Info().ID == s.Info().ID {
			t.Error("two stores in different schemas have one id")
		}
		if !d.is("postgres") {
			return
		}
		nowhere := *h
		nowhere.connect = func() gorm.Dialector {
			return postgres.Open(with(servers.SharedPostgres(t, "17").DSN, "search_path=nowhere"))
		}
		works(t, nowhere.store(t, nowhere.open(t, 3), gormstore.WithSchema(schema)), "nowhere")
	})
}

// TestSafeUpdates connects as careful people do: MySQL then refuses to change rows
// that no key finds.
func TestSafeUpdates(t *testing.T) {
	for name, dsn := range map[string]string{"mysql": servers.SharedMySQL(t, "9").DSN, "mariadb": servers.SharedMariaDB(t, "10.11").DSN} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, database{name: name, shared: true, fresh: fixed(mysql.Open(with(dsn, "sql_safe_updates=1")))})
			s := h.store(t, h.open(t, 4))
			works(t, s, "safe")
			for _, process := range []string{"p", "q", "p"} {
				if _, err := s.Announce(t.Context(), store.Announcement{Process: process}, time.Microsecond); err != nil {
					t.Error(err)
				}
			}
			if n := purged(t, s, store.PurgeParams{Limit: 10}); n != 1 {
				t.Errorf("purged %d events, want 1", n)
			}
			if _, err := s.EraseTenant(t.Context(), "", 10); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSchemaAlone connects to no database at all, and names one as the schema.
func TestSchemaAlone(t *testing.T) {
	for name, dsn := range map[string]string{"mysql": servers.SharedMySQL(t, "9").DSN, "mariadb": servers.SharedMariaDB(t, "10.11").DSN} {
		t.Run(name, func(t *testing.T) {
			config, err := mysqldriver.ParseDSN(dsn)
			if err != nil {
				t.Fatal(err)
			}
			h := newHost(t, database{name: name, shared: true, fresh: fixed(mysql.Open(dsn))}) // it drops the tables
			schema := gormstore.WithSchema(config.DBName)
			config.DBName = ""
			connect := h.connect
			h.connect = fixed(mysql.Open(config.FormatDSN()))(t)
			db := h.open(t, 4)
			h.connect = connect
			s := h.store(t, db, schema)
			works(t, s, "purged")
			if n := purged(t, s, store.PurgeParams{Limit: 10}); n != 1 {
				t.Errorf("purged %d events, want 1", n)
			}
			works(t, s, "erased")
			if _, err := s.EraseTenant(t.Context(), "", 10); err != nil {
				t.Error(err)
			}
			wantCount(t, s, 0, 0)
			var left int64
			if err := h.open(t, 1).Table(h.table("deltas")).Count(&left).Error; err != nil || left != 0 {
				t.Errorf("%d changes were not added up, %v", left, err)
			}
		})
	}
}

// TestSilent publishes, with secrets, under a logger of the host that prints
// everything it is told.
func TestSilent(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		var log safeBuffer
		db.Logger = logger.New(writer{&log}, logger.Config{LogLevel: logger.Info, SlowThreshold: time.Nanosecond})
		s := h.store(t, db)
		works(t, s, "silent")
		if err := db.Transaction(func(tx *gorm.DB) error {
			_, err := s.Tx(tx).Insert(t.Context(), []store.NewEvent{newEvent("in a transaction", "l")})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), h.prefix) {
			t.Errorf("the host's logger was given statements:\n%s", log.String())
		}
	})
}

type writer struct{ b *safeBuffer }

func (w writer) Printf(format string, args ...any) {
	_, _ = w.b.Write([]byte(format))
	for _, a := range args {
		if s, ok := a.(string); ok {
			_, _ = w.b.Write([]byte(s))
		}
	}
}
