package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/postrider/postrider/signer"
)

const patience = 20 * time.Second

// each runs a test on every database: SQLite always, Postgres if the environment
// names a server, on which each test makes a schema of its own.
func each(t *testing.T, test func(t *testing.T, c config)) {
	key := bytes.Repeat([]byte{7}, 32)
	t.Run("SQLite", func(t *testing.T) {
		test(t, config{database: filepath.Join(t.TempDir(), "orders.db"), key: key, local: true})
	})
	t.Run("Postgres", func(t *testing.T) {
		server := os.Getenv("POSTRIDER_TEST_POSTGRES")
		if server == "" {
			t.Skip("POSTRIDER_TEST_POSTGRES is not set: postgres://user:password@host/database")
		}
		test(t, config{database: newSchema(t, server), key: key, local: true})
	})
}

// newSchema makes a schema, and returns a URL that leads into it.
func newSchema(t *testing.T, server string) string {
	t.Helper()
	db, err := gorm.Open(postgres.Open(server), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	schema := "orders_" + strings.ToLower(rand.Text())
	if err := db.Exec("CREATE SCHEMA " + schema).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Exec("DROP SCHEMA " + schema + " CASCADE").Error; err != nil {
			t.Error(err)
		}
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// start runs the service as main does, and returns its customers' client. stop
// shuts it down; the end of the test does as well.
func start(t *testing.T, c config) (customer client, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, c, "127.0.0.1:0", func(address string) { ready <- address }) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the service ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the service does not end")
		}
	}
	select {
	case address := <-ready:
		t.Cleanup(stop)
		return client{"http://" + address, "acme"}, stop
	case err := <-ended:
		cancel()
		t.Fatal(err)
		return client{}, nil
	}
}

// client calls the service as a customer.
type client struct{ service, customer string }

// call returns the status, and what was answered in to, unless that is nil.
func (c client) call(t *testing.T, method, path string, body, to any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.service+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.customer != "" {
		req.SetBasicAuth(c.customer, "")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if to != nil {
		if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
			t.Fatalf("%s %s answers %d and no JSON: %v", method, path, resp.StatusCode, err)
		}
	}
	return resp.StatusCode
}

type deliveries struct{ Deliveries []delivery }

// history waits until the customer has n deliveries and all have ended.
func (c client) history(t *testing.T, n int) []delivery {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		var got deliveries
		if status := c.call(t, "GET", "/webhooks/deliveries", nil, &got); status != http.StatusOK {
			t.Fatalf("history: %d", status)
		}
		ended := 0
		for _, d := range got.Deliveries {
			if d.State.Terminal() {
				ended++
			}
		}
		if len(got.Deliveries) == n && ended == n {
			return got.Deliveries
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries, of which %d have ended; want %d: %+v", len(got.Deliveries), ended, n, got.Deliveries)
		}
	}
}

// receiver is a customer's: it verifies what comes, and hands it on.
type receiver struct {
	*httptest.Server
	secret  chan signer.Secret
	got     chan signer.Message
	refused chan error
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	r := &receiver{secret: make(chan signer.Secret, 1), got: make(chan signer.Message, 10), refused: make(chan error, 10)}
	// The secret is known once the webhook is registered, which needs the URL.
	secret := func(*http.Request) ([]signer.Secret, error) {
		s := <-r.secret
		r.secret <- s
		return []signer.Secret{s}, nil
	}
	verify := signer.Middleware(signer.StandardWebhooks(), secret, signer.WithOnReject(func(_ *http.Request, err error) { r.refused <- err }))
	r.Server = httptest.NewServer(verify(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m, _ := signer.MessageFromContext(req.Context())
		r.got <- m
		if answer != nil {
			answer(w, req)
		}
	})))
	t.Cleanup(r.Close)
	return r
}

// registerAt registers the receiver as a webhook of the customer.
func (r *receiver) register(t *testing.T, c client, patterns ...string) webhook {
	t.Helper()
	var w webhook
	in := map[string]any{"name": "Warehouse", "url": r.URL, "events": patterns}
	if status := c.call(t, "POST", "/webhooks", in, &w); status != http.StatusCreated {
		t.Fatalf("registering: %d", status)
	}
	secret, err := signer.NewSecret(w.Secret)
	if err != nil {
		t.Fatal(err)
	}
	r.secret <- secret
	return w
}

// next returns the next event that verified.
func (r *receiver) next(t *testing.T) (id string, o Order) {
	t.Helper()
	select {
	case m := <-r.got:
		var body struct {
			Type string
			Data Order
		}
		if err := json.Unmarshal(m.Body, &body); err != nil || body.Type != "order.created" {
			t.Fatalf("received %s (%v)", m.Body, err)
		}
		return m.ID, body.Data
	case err := <-r.refused:
		t.Fatalf("the receiver refused what was sent: %v", err)
	case <-time.After(patience):
		t.Fatal("nothing was received")
	}
	return "", Order{}
}

// An order that is committed is delivered to the customer whose it is, and to
// nobody else; the customer sees how.
func TestOrderIsDelivered(t *testing.T) {
	each(t, func(t *testing.T, c config) {
		acme, _ := start(t, c)
		globex := client{acme.service, "globex"}
		mine, theirs := newReceiver(t, nil), newReceiver(t, nil)
		hook := mine.register(t, acme, "order.*")
		theirs.register(t, globex, "*")

		var placed Order
		if status := acme.call(t, "POST", "/orders", map[string]any{"item": "tea", "quantity": 2}, &placed); status != http.StatusCreated {
			t.Fatalf("ordering: %d", status)
		}
		event, got := mine.next(t)
		if got != placed || got.Customer != "acme" || got.Quantity != 2 {
			t.Errorf("received %+v, want %+v", got, placed)
		}
		d := acme.history(t, 1)[0]
		if d.Event != event || d.Webhook != hook.ID || d.State.String() != "delivered" {
			t.Errorf("the history has %+v", d)
		}
		if status := acme.call(t, "GET", "/webhooks/deliveries/"+d.ID, nil, &d); status != http.StatusOK || len(d.History) != 1 || d.History[0].Status != http.StatusOK {
			t.Errorf("%d, with the attempts %+v", status, d.History)
		}

		globex.history(t, 0)
		if status := globex.call(t, "GET", "/webhooks/deliveries/"+d.ID, nil, nil); status != http.StatusNotFound {
			t.Errorf("another customer's delivery: %d", status)
		}
		if len(theirs.got) > 0 {
			t.Error("another customer got the event")
		}
	})
}

// An order that is rolled back leaves nothing behind, and nothing is sent.
func TestOrderThatFailsLeavesNoTrace(t *testing.T) {
	each(t, func(t *testing.T, c config) {
		acme, stop := start(t, c)
		r := newReceiver(t, nil)
		r.register(t, acme, "*")

		var p problem
		if status := acme.call(t, "POST", "/orders", map[string]any{"item": "cup", "quantity": 4}, &p); status != http.StatusConflict || p.Error != "out of stock" {
			t.Fatalf("ordering more than there is: %d, %+v", status, p)
		}
		// What came of it would be delivered before, or with, the next one.
		var placed Order
		if status := acme.call(t, "POST", "/orders", map[string]any{"item": "cup", "quantity": 3}, &placed); status != http.StatusCreated {
			t.Fatalf("ordering all there is: %d", status)
		}
		acme.history(t, 1)
		if _, got := r.next(t); got != placed {
			t.Errorf("received %+v, want %+v", got, placed)
		}
		var orders []Order
		if acme.call(t, "GET", "/orders", nil, &orders); len(orders) != 1 || orders[0].ID != placed.ID {
			t.Errorf("the orders are %+v", orders)
		}
		stop()
		if len(r.got) > 0 {
			t.Errorf("%d more were received", len(r.got))
		}
		s, err := open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		var events int64
		if err := s.db.Table("postrider_events").Count(&events).Error; err != nil || events != 1 {
			t.Errorf("the database has %d events (%v), want 1", events, err)
		}
	})
}

// Shut down while an attempt is in flight, the service waits for it, and stores
// what became of it.
func TestShutdownFinishesWhatItBegan(t *testing.T) {
	each(t, func(t *testing.T, c config) {
		acme, stop := start(t, c)
		answer := make(chan struct{})
		r := newReceiver(t, func(http.ResponseWriter, *http.Request) { <-answer })
		r.register(t, acme, "*")
		acme.call(t, "POST", "/orders", map[string]any{"item": "tea", "quantity": 1}, nil)
		r.next(t)

		time.AfterFunc(200*time.Millisecond, func() { close(answer) }) // the shutdown has begun by then
		stop()
		again, _ := start(t, c)
		d := again.history(t, 1)[0]
		if d.State.String() != "delivered" || d.Attempts != 1 {
			t.Errorf("after the shutdown the delivery is %+v", d)
		}
		if len(r.got) > 0 {
			t.Error("it was sent twice")
		}
	})
}

// Customers manage their webhooks, and are told what is wrong.
func TestWebhooks(t *testing.T) {
	each(t, func(t *testing.T, c config) {
		acme, _ := start(t, c)
		globex, nobody := client{acme.service, "globex"}, client{acme.service, ""}
		r := newReceiver(t, nil)
		hook := r.register(t, acme, "order.*")
		path := "/webhooks/" + hook.ID

		var tried attempt
		if status := acme.call(t, "POST", path+"/test", nil, &tried); status != http.StatusOK || tried.Status != http.StatusOK {
			t.Errorf("a test: %d, %+v", status, tried)
		}
		if _, o := r.next(t); o.ID != OrderCreated.Example.ID {
			t.Errorf("the test was %+v", o)
		}
		var renamed webhook
		change := map[string]any{"revision": hook.Revision, "name": "Depot"}
		if status := acme.call(t, "PATCH", path, change, &renamed); status != http.StatusOK || renamed.Name != "Depot" {
			t.Errorf("renaming: %d, %+v", status, renamed)
		}
		var rotated webhook
		if status := acme.call(t, "POST", path+"/secret", nil, &rotated); status != http.StatusOK || rotated.Secret == "" || rotated.Secret == hook.Secret {
			t.Errorf("rotating the secret: %d", status)
		}
		var list []webhook
		if acme.call(t, "GET", "/webhooks", nil, &list); len(list) != 1 || list[0].ID != hook.ID || list[0].Secret != "" {
			t.Errorf("the list is %+v", list)
		}

		for _, bad := range []struct {
			who          client
			method, path string
			body         any
			status       int
			field        string
		}{
			{nobody, "GET", "/webhooks", nil, http.StatusUnauthorized, ""},
			{acme, "POST", "/webhooks", map[string]any{"url": "ftp://example.com", "events": []string{"*"}}, http.StatusUnprocessableEntity, "url"},
			{acme, "POST", "/webhooks", map[string]any{"url": "https://example.com", "hooks": 1}, http.StatusUnprocessableEntity, "body"},
			{acme, "PATCH", path, change, http.StatusConflict, ""},
			{globex, "PATCH", path, change, http.StatusNotFound, ""},
			{globex, "POST", path + "/secret", nil, http.StatusNotFound, ""},
			{globex, "POST", path + "/test", nil, http.StatusNotFound, ""},
			{globex, "DELETE", path, nil, http.StatusNotFound, ""},
			{acme, "GET", "/webhooks/deliveries?state=lost", nil, http.StatusUnprocessableEntity, "state"},
			{acme, "GET", "/webhooks/deliveries?cursor=x", nil, http.StatusUnprocessableEntity, "cursor"},
			{acme, "POST", "/webhooks/deliveries/none/resend", nil, http.StatusNotFound, ""},
			{acme, "POST", "/orders", map[string]any{"item": "tea", "quantity": 0}, http.StatusUnprocessableEntity, "quantity"},
		} {
			var p problem
			if status := bad.who.call(t, bad.method, bad.path, bad.body, &p); status != bad.status || p.Field != bad.field || p.Error == "" {
				t.Errorf("%s %s as %q: %d, %+v", bad.method, bad.path, bad.who.customer, status, p)
			}
		}
		if status := acme.call(t, "DELETE", path, nil, nil); status != http.StatusNoContent {
			t.Errorf("deleting: %d", status)
		}
	})
}

// Without its key, a service does not start on a database of its own.
func TestKeyIsNeeded(t *testing.T) {
	if s, err := open(t.Context(), config{database: filepath.Join(t.TempDir(), "orders.db")}); err == nil {
		s.close()
		t.Error("it starts without a key")
	}
}
