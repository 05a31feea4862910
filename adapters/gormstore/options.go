package gormstore

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// Option changes a default of [New].
type Option func(*config)

type config struct {
	prefix  string
	schema  string
	timeout time.Duration
	logger  *slog.Logger
	notify  bool
}

// DefaultTablePrefix begins the names of all tables and indexes.
const DefaultTablePrefix = "postrider_"

// WithTablePrefix sets what the names of all tables and indexes begin with:
// letters, digits and underscores, not a digit first, at most 30 bytes. The
// default is [DefaultTablePrefix]. Two stores with different prefixes share
// nothing.
func WithTablePrefix(prefix string) Option { return func(c *config) { c.prefix = prefix } }

// WithSchema puts the tables into a schema, which must exist: on Postgres a
// schema, on MySQL and MariaDB a database, on SQLite an attached database. The
// default "" leaves it to the connection. The same characters as in a prefix
// are allowed.
func WithSchema(schema string) Option { return func(c *config) { c.schema = schema } }

// WithTimeout bounds every statement, and every transaction of the store's own,
// including the wait for a connection. It applies beside the deadline of the
// caller's context; on SQLite a wait for the writer can outlast both, by
// busy_timeout. The default is 30 seconds; it must be at least 10 ms.
func WithTimeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// WithLogger sets where the store reports what needs a person's attention, such
// as a process with other options. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithoutNotify turns off the waking of other processes on Postgres, which then
// find new deliveries by polling. Use it where very many transactions a second
// commit, because Postgres commits those that notify one after another.
func WithoutNotify() Option { return func(c *config) { c.notify = false } }

func defaults() config {
	return config{prefix: DefaultTablePrefix, timeout: 30 * time.Second, logger: slog.Default(), notify: true}
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,29}$`)

// configOf returns what the options say, if that makes sense.
func configOf(options []Option) (config, error) {
	c := defaults()
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	err := c.check()
	return c, err
}

func (c *config) check() error {
	switch {
	case !identifier.MatchString(c.prefix):
		return fmt.Errorf("gormstore: table prefix %q: must be 1 to 30 letters, digits and underscores, not a digit first", c.prefix)
	case c.schema != "" && !identifier.MatchString(c.schema):
		return fmt.Errorf("gormstore: schema %q: must be at most 30 letters, digits and underscores, not a digit first", c.schema)
	case c.timeout < 10*time.Millisecond:
		return fmt.Errorf("gormstore: timeout %v: must be at least 10ms", c.timeout)
	case c.logger == nil:
		return errors.New("gormstore: logger: must not be nil")
	}
	return nil
}
