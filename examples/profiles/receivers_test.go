package profiles_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/digivault"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/trial"
)

// awkward holds what receivers stumble over: text beyond ASCII and beyond the
// 16-bit plane, the line separator that JavaScript once took for a new line,
// what HTML-minded encoders escape, numbers in an unusual form, and keys that
// JavaScript reorders.
var awkward = json.RawMessage(`{"text":"I’m “here” 😀 ` + "\u2028" + ` </script> & \u00e9 \"\\\/\n","amount":1.50,"big":1e3,` +
	`"2":"two","1":"one","list":[ ],"none":null,"nested":{"ß":[true,{}]}}`)

// Each receiver accepts what is delivered, and nothing that was changed on the
// way.
func TestReceiversVerify(t *testing.T) {
	eachReceiver(t, func(t *testing.T, p profile.Profile, s receiver.Snippet) {
		ctx := bounded(t)
		tr, stand := start(ctx, t, p, s)
		for _, e := range append(examples(t, p),
			dispatcher.Event{ID: "an_awkward_event_1", Type: p.EventTypes[0], Time: time.Unix(1640995200, 0), Payload: awkward},
			dispatcher.Event{Type: p.EventTypes[1], Payload: map[string]string{"id": "x"}},
		) {
			verdict := judge(t, tr, stand, e)
			if !verdict.accepted {
				t.Errorf("%s %s: not accepted: %s", e.Type, e.ID, verdict.answer)
			}
			if verdict.tampered != 401 || verdict.forged != 401 {
				t.Errorf("%s %s: answered %d to another body and %d to another signature, want 401",
					e.Type, e.ID, verdict.tampered, verdict.forged)
			}
		}
	})
}

type verdict struct {
	accepted         bool
	answer           string
	tampered, forged int
}

// judge delivers an event, and sends the receiver two variants of the same
// request that it must refuse.
func judge(t *testing.T, tr *trial.Trial, stand *trial.Stand, e dispatcher.Event) verdict {
	t.Helper()
	ctx := bounded(t)
	deliveries, err := tr.Deliver(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	d := deliveries[0]
	attempts, err := tr.Hooks.Attempts(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(attempts) != 1 {
		t.Fatalf("%d attempts, want 1", len(attempts))
	}
	v := verdict{
		accepted: d.State == dispatcher.StateDelivered && attempts[0].Status == 200,
		answer:   string(attempts[0].ResponseBody),
	}
	requests, err := stand.Tap.Requests()
	if err != nil {
		t.Fatal(err)
	}
	sent := requests[len(requests)-1]
	id := d.EventID
	tampered, err := sent.Tampered(id, id[:len(id)-1]+"?")
	if err != nil {
		t.Fatal(err)
	}
	if v.tampered, _, err = tampered.Send(ctx, stand.Receiver.Addr); err != nil {
		t.Fatal(err)
	}
	if v.forged, _, err = sent.Forged().Send(ctx, stand.Receiver.Addr); err != nil {
		t.Fatal(err)
	}
	// What is sent once more as it was is accepted, so it was the change that was
	// refused.
	if again, _, err := sent.Send(ctx, stand.Receiver.Addr); err != nil || (again == 200) != v.accepted {
		t.Fatalf("the same request once more: %d, %v", again, err)
	}
	return v
}

// The JSON form that a profile asks for is what its strictest receiver needs:
// with the bytes as the host gave them, it refuses.
func TestFormsAreNeeded(t *testing.T) {
	for _, test := range []struct{ product, runtime, answer string }{
		{"vatly", "python3", "UnicodeEncodeError"},
		{"protocolapi", "python3", "UnicodeEncodeError"},
		{"digivault", "node", "Invalid signature"},
	} {
		t.Run(test.product, func(t *testing.T) {
			t.Parallel()
			need(t, test.runtime)
			i := slices.IndexFunc(products, func(p product) bool { return p.name == test.product })
			p, err := products[i].profile()
			if err != nil {
				t.Fatal(err)
			}
			i = slices.IndexFunc(p.Receivers, func(s receiver.Snippet) bool { return s.Host.Runtime == test.runtime })
			tr, stand := start(bounded(t), t, p, p.Receivers[i], dispatcher.WithJSONForm(dispatcher.Verbatim))
			v := judge(t, tr, stand, dispatcher.Event{ID: "an_awkward_event_1", Type: p.EventTypes[0], Payload: awkward})
			if v.accepted || !strings.Contains(v.answer, test.answer) {
				t.Errorf("accepted: %v, answer %q; want a refusal with %q", v.accepted, v.answer, test.answer)
			}
		})
	}
}

// Nothing is put into a snippet that it can do without: if any insertion is left
// out, the receiver no longer starts, or no longer tells right from wrong.
func TestInsertionsAreNeeded(t *testing.T) {
	eachReceiver(t, func(t *testing.T, p profile.Profile, s receiver.Snippet) {
		for i, left := range s.Insertions {
			without := s
			without.Insertions = slices.Delete(slices.Clone(s.Insertions), i, i+1)
			ctx := bounded(t)
			p.Receivers = []receiver.Snippet{without}
			tr, err := trial.Start(ctx, p)
			if err != nil {
				continue
			}
			v := judge(t, tr, tr.Stands[0], examples(t, p)[0])
			if v.accepted && v.tampered == 401 {
				t.Errorf("%q is not needed", left.Before+"…"+left.After)
			}
			if err := tr.Close(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

// DigiVault's page tells receivers to expect an event more than once and to
// recognise it by its id; its example does so with what we send twice.
func TestDigiVaultDeduplication(t *testing.T) {
	need(t, "node")
	ctx := bounded(t)
	p, err := digivault.Profile()
	if err != nil {
		t.Fatal(err)
	}
	snippet, err := digivault.Deduplication()
	if err != nil {
		t.Fatal(err)
	}
	tr, stand := start(ctx, t, p, snippet)
	events := examples(t, p)
	for _, e := range events {
		if _, err := tr.Deliver(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	requests, err := stand.Tap.Requests()
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) != len(events) {
		t.Fatalf("%d requests, want %d", len(requests), len(events))
	}
	for _, r := range requests {
		if status, _, err := r.Send(ctx, stand.Receiver.Addr); err != nil || status != 200 {
			t.Fatalf("a repeated request: %d, %v", status, err)
		}
	}
	if err := stand.Receiver.Stop(); err != nil { // all that it printed is there then
		t.Fatal(err)
	}
	want := []string{"Processed event: webhook_1234567890", "Processed event: webhook_test_123"}
	if got := stand.Receiver.Said(); !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
}
