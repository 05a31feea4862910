package gormstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/postrider/postrider/internal/migrate"
)

// Errors of a store whose tables are not those that the library needs; test with
// errors.Is.
var (
	// ErrNotMigrated: the tables are missing, or older than this library needs.
	ErrNotMigrated = errors.New("call Store.Migrate, or run the scripts of gormstore.Migrations")
	// ErrSchemaTooNew: a newer library has changed the tables in a way that this
	// one cannot work with.
	ErrSchemaTooNew = errors.New("update the library")
)

//go:embed migrations
var migrations embed.FS

// versionsOf returns the versions of the schema for a dialect, the first first.
func versionsOf(d dialect) ([]migrate.Version, error) {
	folder, err := fs.Sub(migrations, "migrations/"+d.layout())
	if err != nil {
		return nil, err
	}
	return migrate.Read(folder)
}

// Migrate makes the tables, or brings them to the version that this library
// needs; data is kept. It does nothing if that was done, so a host can call it at
// each start. Several processes may call it at once: one works, the others wait.
// If it fails half way, on MySQL also if the process ends, the next call goes on.
//
// Tables that a newer library has made are left as they are. If this one can
// work with them, as neighbouring versions can unless the release notes say
// otherwise, that is no error; otherwise it is [ErrSchemaTooNew].
//
// The account needs the right to create tables, and on Postgres sequences. Hosts
// that keep it from the application use [Migrations]. Only ctx bounds the time,
// not [WithTimeout].
func (s *Store) Migrate(ctx context.Context) error {
	const doing = "migrating"
	versions, err := versionsOf(s.dialect)
	if err != nil {
		return failed(doing, err)
	}
	b := backoff.NewExponentialBackOff(backoff.WithInitialInterval(10*time.Millisecond), backoff.WithMaxInterval(time.Second), backoff.WithMaxElapsedTime(0))
	var state migrate.State
	err = backoff.Retry(func() error {
		var err error
		state, err = s.tables().Up(ctx, s.db, versions)
		if err != nil && classify(err) != conflicted {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(b, ctx))
	if err == nil {
		err = s.checkSchema(state)
	}
	if err != nil {
		return failed(doing, err)
	}
	return s.identify(ctx, doing)
}

func (s *Store) tables() migrate.Tables {
	return migrate.Tables{Dialect: s.dialect.layout(), Schema: s.cfg.schema, Prefix: s.cfg.prefix, Render: s.sql.ddl}
}

// ddl renders a statement of a migration.
func (s *statements) ddl(text string) string {
	if s.dialect == sqlite && s.schema != "" {
		// SQLite wants the schema before the index, and none before its table.
		if m := createIndex.FindStringSubmatch(text); m != nil {
			text = m[1] + s.dialect.quote(s.schema) + "." + m[2] + s.dialect.quote(s.prefix+m[3]) + m[4]
		}
	}
	return s.render(text)
}

var createIndex = regexp.MustCompile(`(?s)^(CREATE (?:UNIQUE )?INDEX )(\{\w+\} ON )\{(\w+)\}(.*)$`)

// schemaVersion is the version of the tables that this library works with.
const schemaVersion = 1

// checkSchema tells whether the library can work with the tables.
func (s *Store) checkSchema(state migrate.State) error {
	switch {
	case state.Version == 0:
		return fmt.Errorf("there are no tables %s…: %w", s.cfg.prefix, ErrNotMigrated)
	case state.Version < schemaVersion:
		return fmt.Errorf("the tables %s… are of schema version %d, and this library needs %d: %w", s.cfg.prefix, state.Version, schemaVersion, ErrNotMigrated)
	case state.Compatible > schemaVersion:
		return fmt.Errorf("the tables %s… are of schema version %d, for libraries that know %d or newer, and this one knows %d: %w",
			s.cfg.prefix, state.Version, state.Compatible, schemaVersion, ErrSchemaTooNew)
	}
	return nil
}
