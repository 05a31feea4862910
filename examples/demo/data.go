package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // a driver in pure Go: no C compiler is needed

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// data is what lasts from one run to the next.
type data struct {
	file    string
	resumed bool

	store          *gormstore.Store
	keyring        dispatcher.Keyring
	billing, audit signer.Secret

	pool *sql.DB
	kept kept
}

// kept is what a demonstration has to keep beside its database. In production
// the key comes from a secret manager, far from the database that holds what it
// seals, and receivers keep their own secrets.
type kept struct {
	Key            []byte
	Billing, Audit string
	// Ended: the next run starts over.
	Ended bool
}

// openData takes up what a run that was cut short has left, and starts over
// otherwise.
func openData(ctx context.Context, file string, over bool) (d *data, err error) {
	if file == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		file = filepath.Join(cache, "postrider-demo", "demo.db")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	d = &data{file: file}
	if !over {
		d.resumed = d.load()
	}
	if !d.resumed {
		if err := d.startOver(); err != nil {
			return nil, err
		}
	}
	if d.keyring, err = dispatcher.StaticKeyring(dispatcher.Key{ID: "demo", Bytes: d.kept.Key}); err != nil {
		return nil, err
	}
	if d.billing, err = signer.NewSecret(d.kept.Billing); err != nil {
		return nil, err
	}
	if d.audit, err = signer.NewSecret(d.kept.Audit); err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// open opens the database, and makes the tables if there are none.
func (d *data) open(ctx context.Context) error {
	// Transactions must be immediate; WAL lets readers and one writer work at once.
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(d.file)}).EscapedPath(),
		RawQuery: "_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(1)&_txlock=immediate"}
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn.String()}), &gorm.Config{})
	if err != nil {
		return err
	}
	if d.pool, err = db.DB(); err != nil {
		return err
	}
	if d.store, err = gormstore.New(db); err == nil {
		err = d.store.Migrate(ctx)
	}
	if err != nil {
		d.close()
	}
	return err
}

func (d *data) close() { _ = d.pool.Close() }

// load tells whether there is something to go on with.
func (d *data) load() bool {
	text, err := os.ReadFile(d.keysFile())
	return err == nil && json.Unmarshal(text, &d.kept) == nil && !d.kept.Ended
}

func (d *data) startOver() error {
	for _, suffix := range []string{".keys", "", "-wal", "-shm"} {
		if err := os.Remove(d.file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	d.kept = kept{Key: key, Billing: signer.GenerateSecret().Reveal(), Audit: signer.GenerateSecret().Reveal()}
	return d.save()
}

// end makes the next run start over.
func (d *data) end() error {
	d.kept.Ended = true
	return d.save()
}

func (d *data) save() error {
	text, err := json.Marshal(d.kept)
	if err != nil {
		return err
	}
	// Never half a file, whenever the program is killed.
	if err := os.WriteFile(d.keysFile()+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(d.keysFile()+".new", d.keysFile()); err != nil {
		return fmt.Errorf("keeping the keys: %w", err)
	}
	return nil
}

func (d *data) keysFile() string { return d.file + ".keys" }
