package gormstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/dispatcher"
)

// receiver notes the bodies it was sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	came   chan struct{}
}

func newReceiver(tb testing.TB) *receiver {
	r := &receiver{came: make(chan struct{}, 1000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			tb.Error(err)
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		r.came <- struct{}{}
	}))
	tb.Cleanup(r.Close)
	return r
}

// wait returns what came, once that is n requests.
func (r *receiver) wait(tb testing.TB, n int) []string {
	tb.Helper()
	for range n {
		select {
		case <-r.came:
		case <-time.After(20 * time.Second):
			tb.Fatalf("only %q came", r.log())
		}
	}
	return r.log()
}

func (r *receiver) log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

func newEngine(tb testing.TB, s *gormstore.Store, options ...dispatcher.Option) *dispatcher.Engine {
	tb.Helper()
	keys, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k1", Bytes: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		tb.Fatal(err)
	}
	e, err := dispatcher.New(s, append([]dispatcher.Option{
		dispatcher.WithKeyring(keys), dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses(),
	}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// run runs the engine until the test ends.
func run(tb testing.TB, e *dispatcher.Engine) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
}

// TestPublishTx publishes in transactions of the host while an engine runs: what
// was rolled back reaches nobody.
func TestPublishTx(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 8)
		s := h.store(t, db)
		e := newEngine(t, s)
		r := newReceiver(t)
		if _, _, err := e.Register(t.Context(), dispatcher.EndpointConfig{URL: r.URL, Events: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
		run(t, e)
		publish := func(tx *gorm.DB, n int) error {
			_, err := e.PublishTx(t.Context(), s.Tx(tx), dispatcher.Event{Type: "order.created", Payload: n})
			return err
		}
		for i := range 5 {
			err := db.Transaction(func(tx *gorm.DB) error {
				if err := publish(tx, 100+i); err != nil {
					t.Error(err)
				}
				return errChanged
			})
			if !errors.Is(err, errChanged) {
				t.Fatal(err)
			}
			err = db.Transaction(func(tx *gorm.DB) error {
				inner := tx.Transaction(func(tx *gorm.DB) error {
					if err := publish(tx, 200+i); err != nil {
						t.Error(err)
					}
					return errChanged
				})
				if !errors.Is(inner, errChanged) {
					return inner
				}
				return publish(tx, i)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		e.Wake()
		bodies := r.wait(t, 5)
		if _, err := e.Publish(t.Context(), dispatcher.Event{Type: "order.created", Payload: "last"}); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, r.wait(t, 1)[5:]...)
		var got []string
		for _, b := range bodies {
			_, data, _ := strings.Cut(b, `"data":`)
			got = append(got, strings.TrimSuffix(data, "}"))
		}
		slices.Sort(got)
		if want := `"last" 0 1 2 3 4`; strings.Join(got, " ") != want {
			t.Errorf("what came: %q, want %s", got, want)
		}
	})
}

// TestSealed looks for secrets and credentials in everything that is stored.
func TestSealed(t *testing.T) {
	const credential = "Bearer q7-not-for-the-dump"
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 8)
		s := h.store(t, db)
		var log safeBuffer
		e := newEngine(t, s, dispatcher.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		r := newReceiver(t)
		ep, secret, err := e.Register(t.Context(), dispatcher.EndpointConfig{
			URL: r.URL, Events: []string{"*"}, Headers: map[string]string{"Authorization": credential},
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, e)
		if _, err := e.Publish(t.Context(), dispatcher.Event{Type: "a.b", Payload: "visible-payload"}); err != nil {
			t.Fatal(err)
		}
		r.wait(t, 1)
		newer, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{})
		if err != nil {
			t.Fatal(err)
		}
		needles := map[string]string{"the custom header": credential}
		for i, text := range []string{secret.Reveal(), newer.Reveal()} {
			text = strings.TrimPrefix(text, "whsec_")
			needles[fmt.Sprint("secret ", i)] = text
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				needles[fmt.Sprint("bytes of secret ", i)] = string(raw)
			}
		}
		dump := h.dump(t, db)
		if !strings.Contains(dump, "visible-payload") || !strings.Contains(dump, ep.ID) {
			t.Fatal("the dump lacks what must be in it")
		}
		for what, needle := range needles {
			if strings.Contains(dump, needle) {
				t.Errorf("%s is in the database", what)
			}
			if strings.Contains(log.String(), needle) {
				t.Errorf("%s is in the log", what)
			}
		}
	})
}

// dump returns every value of every table.
func (h *host) dump(tb testing.TB, db *gorm.DB) string {
	tb.Helper()
	var b strings.Builder
	for _, table := range []string{"attempts", "deliveries", "events", "subscriptions", "endpoints", "counts", "deltas", "processes", "meta"} {
		dumpTable(tb, db, h.table(table), &b)
	}
	return b.String()
}

func dumpTable(tb testing.TB, db *gorm.DB, table string, b *strings.Builder) {
	tb.Helper()
	rows, err := db.Raw("SELECT * FROM " + table).Rows()
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			tb.Fatal(err)
		}
		for _, v := range values {
			if text, ok := (*v.(*any)).([]byte); ok {
				b.Write(text)
			} else {
				fmt.Fprint(b, *v.(*any))
			}
			b.WriteByte('\n')
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
}
