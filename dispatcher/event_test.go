package dispatcher_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// Under one key the same payload is a repetition, in whichever Go type it comes, and
// another one a conflict, also where its text is the same.
func TestPayloadsUnderOneKey(t *testing.T) {
	e, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	for key, c := range map[string]struct {
		first, second any
		conflict      bool
	}{
		"JSON text twice":        {json.RawMessage(`{"a":1}`), []byte(`{"a":1}`), false},
		"a value and its text":   {map[string]int{"a": 1}, json.RawMessage(`{"a":1}`), false},
		"text twice":             {"1", "1", false},
		"another value":          {1, 2, true},
		"text and JSON text":     {"1", json.RawMessage("1"), true},
		"text and what is in it": {"1", 1, true},
	} {
		if _, err := e.Publish(t.Context(), dispatcher.Event{Type: "a", Key: key, Payload: c.first}); err != nil {
			t.Fatal(key, err)
		}
		r, err := e.Publish(t.Context(), dispatcher.Event{Type: "a", Key: key, Payload: c.second})
		if errors.Is(err, store.ErrConflict) != c.conflict || !c.conflict && (err != nil || !r.Duplicate) {
			t.Errorf("%s: %+v, %v", key, r, err)
		}
	}
}
