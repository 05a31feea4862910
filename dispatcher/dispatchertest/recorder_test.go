package dispatchertest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/dispatchertest"
	"github.com/postrider/postrider/store"
)

type invoice struct {
	Total int `json:"total"`
}

func TestRecorderKeepsWhatWasPassedAndWhatWouldBeStored(t *testing.T) {
	opts := []dispatcher.Option{dispatcher.WithEnvelope(dispatcher.JSONEnvelope(dispatcher.FieldID("id"), dispatcher.FieldPayload("data")))}
	rec := dispatchertest.NewRecorder(t, opts...)
	engine := newEngine(t, opts...)
	payload := &invoice{1900}
	event := dispatcher.Event{ID: "evt_1", Type: "invoice.paid", Payload: payload, Time: time.Unix(1_700_000_000, 0)}
	publish(t, rec, event)
	publish(t, engine, event)

	got := rec.RequirePublished("invoice.paid")
	if got.Event != event || got.Payload != any(payload) {
		t.Errorf("recorded %+v, want the very event %+v", got.Event, event)
	}
	for name, find := range map[string]dispatcher.Dispatcher{"recorder": rec, "engine": engine} {
		want, err := find.Event(t.Context(), "evt_1")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want.CreatedAt = got.Stored.CreatedAt
		if !reflect.DeepEqual(got.Stored, want) {
			t.Errorf("stored %+v, that of the %s is %+v", got.Stored, name, want)
		}
	}
	if _, err := rec.Event(t.Context(), "evt_2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an event that was not published: %v, want ErrNotFound", err)
	}
}

// The Recorder refuses what an engine refuses, with the same words.
func TestRecorderRefusesAsTheEngine(t *testing.T) {
	catalog, err := dispatcher.NewCatalog(dispatcher.EventTypeInfo{Name: "invoice.paid"})
	if err != nil {
		t.Fatal(err)
	}
	// The length of a body depends on the digits of its time.
	good := dispatcher.Event{Type: "invoice.paid", Payload: 1, Time: time.Unix(1_700_000_000, 0)}
	change := func(f func(*dispatcher.Event)) dispatcher.Event { e := good; f(&e); return e }
	tests := []struct {
		name  string
		opts  []dispatcher.Option
		event dispatcher.Event
	}{
		{"no type", nil, change(func(e *dispatcher.Event) { e.Type = "" })},
		{"malformed type", nil, change(func(e *dispatcher.Event) { e.Type = "invoice..paid" })},
		{"malformed id", nil, change(func(e *dispatcher.Event) { e.ID = "a.b" })},
		{"id and key", nil, change(func(e *dispatcher.Event) { e.ID, e.Key = "a", "b" })},
		{"long key", nil, change(func(e *dispatcher.Event) { e.Key = strings.Repeat("k", 256) })},
		{"past until", nil, change(func(e *dispatcher.Event) { e.Until = time.Unix(1, 0) })},
		{"not JSON", nil, change(func(e *dispatcher.Event) { e.Payload = []byte("{") })},
		{"cannot be encoded", nil, change(func(e *dispatcher.Event) { e.Payload = math.NaN() })},
		{"too large", []dispatcher.Option{dispatcher.WithMaxPayload(10)}, good},
		{"not in the catalog", []dispatcher.Option{dispatcher.WithCatalog(catalog)}, change(func(e *dispatcher.Event) { e.Type = "invoice.sent" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := dispatchertest.NewRecorder(t, tt.opts...)
			_, want := newEngine(t, tt.opts...).Publish(t.Context(), tt.event)
			var v *dispatcher.ValidationError
			if !errors.As(want, &v) {
				t.Fatalf("the engine says %v, want a ValidationError", want)
			}
			if _, err := rec.Publish(t.Context(), tt.event); !errors.As(err, &v) || err.Error() != want.Error() {
				t.Errorf("Publish: %v, want %v", err, want)
			}
			if _, err := rec.PublishBatch(t.Context(), []dispatcher.Event{{Type: "invoice.paid"}, tt.event}); err == nil {
				t.Error("PublishBatch took it")
			}
			if _, err := rec.PublishTx(t.Context(), rec.Begin(), tt.event); err == nil {
				t.Error("PublishTx took it")
			}
			rec.RequireNone()
		})
	}
}

// Duplicates and conflicts are those of an engine, and are not recorded.
func TestRecorderHonoursIDsAndKeys(t *testing.T) {
	rec := dispatchertest.NewRecorder(t)
	engine := newEngine(t)
	batches := [][]dispatcher.Event{
		{{Type: "a", Key: "k", Payload: 1}},
		{{Type: "a", Key: "k", Payload: 1}},
		{{Type: "b", Key: "k", Payload: 1}, {Type: "a", ID: "x", Payload: 2}},
		{{Type: "a", ID: "y"}, {Type: "a", ID: "y"}, {Type: "a", ID: "y", Payload: 1}, {Type: "a", ID: "x", Payload: 2}},
		{{Type: "a", Payload: 1}, {Type: "a", Payload: 1}},
	}
	for i, events := range batches {
		got, gotErr := rec.PublishBatch(t.Context(), events)
		want, wantErr := engine.PublishBatch(t.Context(), events)
		if errors.Is(gotErr, store.ErrConflict) != errors.Is(wantErr, store.ErrConflict) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("batch %d: error %v, that of the engine is %v", i, gotErr, wantErr)
		}
		for j := range want {
			random := events[j].ID == "" && events[j].Key == ""
			if got[j].Duplicate != want[j].Duplicate || got[j].Conflict != want[j].Conflict || !random && got[j].EventID != want[j].EventID {
				t.Errorf("batch %d, event %d: %+v, the engine says %+v", i, j, got[j], want[j])
			}
		}
	}
	if n := len(rec.Events()); n != 5 {
		t.Errorf("%d events were recorded, want 5", n)
	}
	rec.Reset()
	rec.RequireNone()
	if r := publish(t, rec, dispatcher.Event{Type: "b", Key: "k"}); r.Duplicate || r.Conflict {
		t.Errorf("after Reset: %+v, want a new event", r)
	}
}

func TestRecorderTenants(t *testing.T) {
	rec := dispatchertest.NewRecorder(t)
	for _, d := range []dispatcher.Dispatcher{rec, rec.Tenant("acme"), rec.Tenant("globex")} {
		if r := publish(t, d, dispatcher.Event{ID: "same"}); r.Duplicate {
			t.Error("an id was taken by another tenant")
		}
		if _, err := d.Event(t.Context(), "same"); err != nil {
			t.Error(err)
		}
	}
	var tenants []string
	for _, p := range rec.Published() {
		tenants = append(tenants, p.Tenant)
	}
	if fmt.Sprintf("%q", tenants) != `["" "acme" "globex"]` {
		t.Errorf("tenants %q", tenants)
	}
	if _, err := rec.Tenant("a\x00").Publish(t.Context(), dispatcher.Event{Type: "a"}); err == nil {
		t.Error("a tenant that an engine refuses was taken")
	}
}

func TestRecorderFailNext(t *testing.T) {
	rec := dispatchertest.NewRecorder(t)
	boom := errors.New("boom")
	rec.FailNext(store.ErrFull, nil, boom)
	if _, err := rec.Publish(t.Context(), dispatcher.Event{Type: "no..type"}); err == nil || errors.Is(err, store.ErrFull) {
		t.Errorf("refused event: %v, want its ValidationError", err)
	}
	if _, err := rec.Publish(t.Context(), dispatcher.Event{Type: "a", Key: "k"}); !errors.Is(err, store.ErrFull) {
		t.Errorf("first call: %v, want ErrFull", err)
	}
	rec.RequireNone()
	if _, err := rec.PublishBatch(t.Context(), []dispatcher.Event{{Type: "a", Key: "k"}}); err != nil {
		t.Errorf("second call: %v, want success", err)
	}
	tx := rec.Begin()
	if _, err := rec.PublishTx(t.Context(), tx, dispatcher.Event{Type: "b"}); !errors.Is(err, boom) {
		t.Errorf("third call: %v, want boom", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	rec.RequireNone("b")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rec.Publish(ended, dispatcher.Event{Type: "c"}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v, want Canceled", err)
	}
	rec.RequireNone("c")
}

func TestRecorderTx(t *testing.T) {
	rec := dispatchertest.NewRecorder(t)
	tx, undone := rec.Begin(), rec.Begin()
	event := dispatcher.Event{Type: "a", Key: "k", Payload: 1}
	for i, want := range []bool{false, true} {
		r, err := rec.PublishTx(t.Context(), tx, event)
		if err != nil || r[0].Duplicate != want {
			t.Errorf("publish %d: %+v, %v; want duplicate %t", i, r, err, want)
		}
	}
	if r, err := rec.PublishTx(t.Context(), undone, event); err != nil || r[0].Duplicate {
		t.Errorf("what another transaction has not committed was seen: %+v, %v", r, err)
	}
	rec.RequireNone()
	if err := undone.Rollback(); err != nil {
		t.Error(err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if p := rec.Published(); len(p) != 1 || !p[0].InTx || p[0].Event != event {
		t.Errorf("after the commit: %+v", p)
	}
	for name, end := range map[string]func() error{
		"commit": tx.Commit, "rollback": tx.Rollback, "commit after rollback": undone.Commit, "rollback twice": undone.Rollback,
		"publish": func() error { _, err := rec.PublishTx(t.Context(), tx, dispatcher.Event{Type: "b"}); return err },
	} {
		if end() == nil {
			t.Errorf("%s: took place after the end", name)
		}
	}

	late := rec.Begin()
	if _, err := rec.PublishTx(t.Context(), late, dispatcher.Event{Type: "late", ID: "x"}); err != nil {
		t.Fatal(err)
	}
	publish(t, rec, dispatcher.Event{ID: "x", Type: "early"})
	if err := late.Commit(); err != nil {
		t.Error(err)
	}
	rec.RequireNone("late")
}

// foreignTx is one of the host's database, which must not be touched.
type foreignTx struct{ t *testing.T }

func (foreignTx) StoreID() string { return "postgres" }

func (f foreignTx) Match(context.Context, string, []string) ([][]store.Endpoint, error) {
	f.t.Error("Match was called")
	return nil, nil
}

func (f foreignTx) Insert(context.Context, []store.NewEvent) ([]store.Inserted, error) {
	f.t.Error("Insert was called")
	return nil, nil
}

func TestRecorderForeignTx(t *testing.T) {
	rec, other := dispatchertest.NewRecorder(t), dispatchertest.NewRecorder(t)
	for i, tx := range []store.Tx{foreignTx{t}, other.Begin()} {
		r, err := rec.PublishTx(t.Context(), tx, dispatcher.Event{Type: "a", Key: fmt.Sprint(i)})
		if err != nil || len(r) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if p := rec.Published(); len(p) != i+1 || !p[i].InTx {
			t.Errorf("recorded %+v", p)
		}
	}
	other.RequireNone()
	for _, tx := range []store.Tx{nil, (*dispatchertest.Tx)(nil)} {
		var v *dispatcher.ValidationError
		if _, err := rec.PublishTx(t.Context(), tx, dispatcher.Event{Type: "a"}); !errors.As(err, &v) || v.Field != "tx" {
			t.Errorf("nil transaction: %v, want a ValidationError for tx", err)
		}
	}
}

// Every method of the interface is either faked or reported by its name, so that
// none ends in a nil pointer.
func TestRecorderReportsWhatItDoesNotFake(t *testing.T) {
	faked := map[string]bool{"Publish": true, "PublishBatch": true, "PublishTx": true, "Event": true}
	iface := reflect.TypeFor[dispatcher.Dispatcher]()
	for i := range iface.NumMethod() {
		name := iface.Method(i).Name
		if faked[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var p probe
			log, fatal := p.run(func() {
				rec := dispatchertest.NewRecorder(&p)
				call(t, reflect.ValueOf(rec).MethodByName(name))
			})
			if fatal || !strings.Contains(log, "does not fake "+name+";") {
				t.Errorf("log %q, ended the test: %t", log, fatal)
			}
			p.end()
		})
	}
}

// call calls a method with zero values, and expects an error of it, or of the
// sequence that it returns.
func call(t *testing.T, method reflect.Value) {
	var args []reflect.Value
	fixed := method.Type().NumIn()
	if method.Type().IsVariadic() {
		fixed--
	}
	for i := range fixed {
		args = append(args, reflect.Zero(method.Type().In(i)))
	}
	args[0] = reflect.ValueOf(t.Context())
	results := method.Call(args)
	var err error
	switch last := results[len(results)-1].Interface().(type) {
	case error:
		err = last
	case iter.Seq2[dispatcher.Endpoint, error]:
		for _, e := range last {
			err = e
		}
	case iter.Seq2[dispatcher.Delivery, error]:
		for _, e := range last {
			err = e
		}
	}
	if err == nil {
		t.Error("no error was returned")
	}
}

// A goroutine that outlives the test must not report to it: testing panics then.
func TestRecorderIsSilentAfterTheTest(t *testing.T) {
	var p probe
	rec := dispatchertest.NewRecorder(&p)
	p.end()
	if err := rec.Pause(t.Context(), "ep"); err == nil || p.logged() != "" {
		t.Errorf("error %v, log %q; want an error and no log", err, p.logged())
	}
}

func TestRecorderRequires(t *testing.T) {
	var p probe
	rec := dispatchertest.NewRecorder(t)
	p.run(func() { rec = dispatchertest.NewRecorder(&p) })
	p.wantFatal(t, `no event of type "a" was published, but nothing`, func() { rec.RequirePublished("a") })
	for i, eventType := range []string{"b", "c", "b"} {
		publish(t, rec, dispatcher.Event{Type: eventType, Payload: i})
	}
	p.wantFatal(t, `no event of type "a" was published, but b (2 times), c`, func() { rec.RequirePublished("a") })
	p.wantFatal(t, "should not have been: c", func() { rec.RequireNone("a", "c") })
	p.wantFatal(t, "should not have been: b (2 times), c", func() { rec.RequireNone() })
	p.wantFatal(t, "concurrency", func() { dispatchertest.NewRecorder(&p, dispatcher.WithConcurrency(-1)) })
	log, fatal := p.run(func() {
		rec.RequireNone("a")
		if got := rec.RequirePublished("b"); got.Payload != 2 {
			t.Errorf("payload %v, want that of the last one", got.Payload)
		}
	})
	if fatal || log != "" {
		t.Errorf("what holds was reported: %q", log)
	}
	if n := len(rec.OfType("b")); n != 2 {
		t.Errorf("%d of type b, want 2", n)
	}
}

func TestRecorderConcurrently(t *testing.T) {
	rec := dispatchertest.NewRecorder(t)
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				_, err := rec.Publish(t.Context(), dispatcher.Event{Type: "a", Key: fmt.Sprint(i), Payload: i})
				if err != nil {
					t.Errorf("worker %d: %v", w, err)
				}
				rec.Events()
			}
		})
	}
	wg.Wait()
	if n := len(rec.Events()); n != each {
		t.Errorf("%d events, want one for each of the %d keys", n, each)
	}
}
