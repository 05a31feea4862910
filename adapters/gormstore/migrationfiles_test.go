package gormstore

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestSchemaVersion(t *testing.T) {
	for _, d := range []dialect{postgres, sqlite, mysql, mariadb} {
		versions, err := versionsOf(d)
		if err != nil {
			t.Fatal(err)
		}
		if len(versions) != schemaVersion {
			t.Errorf("%v has %d migrations, and the library says it needs version %d", d, len(versions), schemaVersion)
		}
		for _, v := range versions {
			if len(v.Statements) == 0 {
				t.Errorf("%v: version %d has no statements", d, v.Number)
			}
		}
	}
}

func TestMigrationFiles(t *testing.T) {
	for _, tt := range []struct {
		dialect string
		layout  Layout
		files   []string
		want    []string
	}{
		{"postgres", GolangMigrate, []string{"0001_init.up.sql", "0001_init.down.sql"}, []string{
			`CREATE TABLE "hooks"."our_deliveries" (`, `CREATE INDEX "our_deliveries_queue" ON "hooks"."our_deliveries"`,
			`VALUES ('schema_version', '1')`, `DROP SEQUENCE "hooks"."our_numbers"`,
		}},
		{"mysql", GolangMigrate, []string{"0001_init.up.sql", "0001_init.down.sql"}, []string{
			"CREATE TABLE IF NOT EXISTS `hooks`.`our_deliveries` (", "DROP TABLE `hooks`.`our_meta`",
		}},
		{"mariadb", Goose, []string{"0001_init.sql"}, []string{"-- +goose Up", "-- +goose Down", "REPLACE INTO `hooks`.`our_meta`"}},
		{"sqlite", Goose, []string{"0001_init.sql"}, []string{`CREATE INDEX "hooks"."our_deliveries_queue" ON "our_deliveries"`}},
	} {
		t.Run(tt.dialect, func(t *testing.T) {
			files, err := Migrations(tt.dialect, tt.layout, WithTablePrefix("our_"), WithSchema("hooks"))
			if err != nil {
				t.Fatal(err)
			}
			if err := fstest.TestFS(files, tt.files...); err != nil {
				t.Error(err)
			}
			var all strings.Builder
			for _, name := range tt.files {
				text, err := fs.ReadFile(files, name)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(text)
			}
			for _, want := range tt.want {
				if !strings.Contains(all.String(), want) {
					t.Errorf("the scripts lack %s", want)
				}
			}
			if strings.ContainsAny(all.String(), "{}") {
				t.Error("a name was not filled in")
			}
		})
	}
}

func TestMigrationsRefuses(t *testing.T) {
	for _, tt := range []struct {
		dialect string
		layout  Layout
		option  Option
		want    string
	}{
		{"oracle", Goose, WithTablePrefix("a_"), `dialect "oracle"`},
		{"", Goose, WithTablePrefix("a_"), `dialect ""`},
		{"sqlite", 0, WithTablePrefix("a_"), "layout 0"},
		{"sqlite", Goose, WithTablePrefix("a-"), `table prefix "a-"`},
		{"sqlite", Goose, WithSchema(`x"`), "schema"},
	} {
		if _, err := Migrations(tt.dialect, tt.layout, tt.option); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, layout %d: error %v, want one with %s", tt.dialect, tt.layout, err, tt.want)
		}
	}
}
