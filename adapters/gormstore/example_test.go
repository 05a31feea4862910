package gormstore_test

import (
	"fmt"
	"io/fs"

	"github.com/postrider/postrider/adapters/gormstore"
)

// Teams that run migrations with a tool give it these scripts, with a history of
// their own: by iofs.New(files, ".") to golang-migrate, or by
// goose.NewProvider(dialect, db, files, goose.WithTableName("hooks_history")).
func ExampleMigrations() {
	for _, layout := range []gormstore.Layout{gormstore.GolangMigrate, gormstore.Goose} {
		files, err := gormstore.Migrations("postgres", layout, gormstore.WithTablePrefix("hooks_"))
		if err != nil {
			fmt.Println(err)
			return
		}
		names, err := fs.Glob(files, "*.sql")
		fmt.Println(names, err)
	}
	// Output:
	// [0001_init.down.sql 0001_init.up.sql] <nil>
	// [0001_init.sql] <nil>
}
