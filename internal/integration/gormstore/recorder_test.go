package gormstore_test

import (
	"context"
	"database/sql/driver"
	"sync"
)

// recorder connects through another driver and keeps the texts of statements.
type recorder struct {
	driver driver.Driver
	dsn    string

	mu    sync.Mutex
	texts []string
}

func (r *recorder) Driver() driver.Driver { return r.driver }

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	c, err := r.driver.Open(r.dsn)
	if err != nil {
		return nil, err
	}
	return &recorded{Conn: c, r: r}, nil
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// take returns the texts since the last call, each once.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[string]bool)
	var texts []string
	for _, text := range r.texts {
		if !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	r.texts = nil
	return texts
}

// recorded is a connection.
type recorded struct {
	driver.Conn
	r *recorder
}

func (c *recorded) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.r.note(text)
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
}

func (c *recorded) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.r.note(text)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

func (c *recorded) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.r.note(text)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *recorded) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}
