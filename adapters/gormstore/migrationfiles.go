package gormstore

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/postrider/postrider/internal/migrate"
)

// Layout is how a migration tool wants its files.
type Layout uint8

const (
	// GolangMigrate is the layout of golang-migrate: 0001_init.up.sql and
	// 0001_init.down.sql. On MySQL its connection needs multiStatements=true.
	GolangMigrate Layout = iota + 1
	// Goose is the layout of pressly/goose: 0001_init.sql, with annotations.
	Goose
)

// Migrations returns the scripts that do what [Store.Migrate] does, for teams
// that run migrations with a tool of their own: to be handed to the tool as they
// are, or to be copied among the application's own. They are numbered from 1, so
// as they are they need a history of their own (WithTableName of a goose provider,
// MigrationsTable in the Config of a driver of golang-migrate): in that of the
// application the tool takes them for done. A newer library has the same ones and
// perhaps more. The way down from the first one drops everything.
//
// The dialect is postgres, mysql, mariadb or sqlite. Of the options
// [WithTablePrefix] and [WithSchema] count, and must be those of [New]. The
// scripts note the version in the store's table meta, where the store looks, so
// Migrate can be called beside them.
func Migrations(dialect string, layout Layout, options ...Option) (fs.FS, error) {
	d, ok := dialectOf(dialect)
	if !ok {
		return nil, fmt.Errorf("gormstore: dialect %q: must be postgres, mysql, mariadb or sqlite", dialect)
	}
	cfg, err := configOf(options)
	if err != nil {
		return nil, err
	}
	versions, err := versionsOf(d)
	if err != nil {
		return nil, failed("reading migrations", err)
	}
	s := statements{dialect: d, prefix: cfg.prefix, schema: cfg.schema}
	t := migrate.Tables{Dialect: d.layout(), Schema: cfg.schema, Prefix: cfg.prefix, Render: s.ddl}
	files := make(scripts)
	for _, v := range versions {
		name := fmt.Sprintf("%04d_%s", v.Number, v.Name)
		head := fmt.Sprintf("-- Postrider, version %d of the schema, for %v.\n\n", v.Number, d)
		up, down := script(t, t.Forward(v)), script(t, t.Back(v))
		switch layout {
		case GolangMigrate:
			files[name+".up.sql"] = head + up
			files[name+".down.sql"] = head + down
		case Goose:
			files[name+".sql"] = head + "-- +goose Up\n\n" + up + "-- +goose Down\n\n" + down
		default:
			return nil, fmt.Errorf("gormstore: layout %d: must be GolangMigrate or Goose", layout)
		}
	}
	return files, nil
}

func script(t migrate.Tables, texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		b.WriteString(t.Render(text))
		b.WriteString(";\n\n")
	}
	return b.String()
}

func dialectOf(name string) (dialect, bool) {
	for d, n := range dialectNames {
		if n == name && n != "" {
			return dialect(d), true // #nosec G115 -- an index of a short table
		}
	}
	return 0, false
}
