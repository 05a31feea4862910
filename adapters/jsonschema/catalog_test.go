package jsonschema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/dispatcher"
)

// A typed event gets the schema of its type, unless it brings one; its example
// is held to it.
func TestNewCatalog(t *testing.T) {
	own, err := jsonschema.Compile([]byte(`{"type":"object"}`))
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := jsonschema.NewCatalog(
		dispatcher.EventType[scalars]{Name: "derived", Example: scalars{E: "x"}},
		dispatcher.EventType[scalars]{Name: "own", Schema: own},
		dispatcher.EventTypeInfo{Name: "any"},
		dispatcher.EventTypeInfo{Name: "given", Schema: own},
	)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := jsonschema.For[scalars]()
	if err != nil {
		t.Fatal(err)
	}
	want, err := derived.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range catalog.Types() {
		if info.Name == "any" {
			if info.Schema != nil {
				t.Error("an event without a type has a schema")
			}
			continue
		}
		got, err := info.Schema.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		expected := `{"type":"object"}`
		if info.Name == "derived" {
			expected = string(want)
		}
		if string(got) != expected {
			t.Errorf("%s: got %s", info.Name, got)
		}
	}
}

func TestNewCatalogRefuses(t *testing.T) {
	var none *dispatcher.EventType[int]
	for name, tt := range map[string]struct {
		entries       []dispatcher.CatalogEntry
		field, reason string
	}{
		"no JSON": {[]dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "a"}, dispatcher.EventType[func()]{Name: "b"}},
			"types[1].schema", "cannot be derived from func(): func() has no JSON"},
		"nil":           {[]dispatcher.CatalogEntry{nil}, "types[0]", "must not be nil"},
		"a nil pointer": {[]dispatcher.CatalogEntry{none}, "types[0]", "cannot be asked for its definition"},
		"an example that its type cannot make": {[]dispatcher.CatalogEntry{strange{}},
			"types[0].example", "/a: must be an integer, is a string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jsonschema.NewCatalog(tt.entries...)
			var v *dispatcher.ValidationError
			if !errors.As(err, &v) || v.Field != tt.field || !strings.HasPrefix(v.Reason, tt.reason) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// strange says that its payloads are of a type that its example is not of.
type strange struct{}

func (strange) Info() dispatcher.EventTypeInfo {
	info := dispatcher.EventType[map[string]int]{Name: "a"}.Info()
	info.Example = []byte(`{"a":"b"}`)
	return info
}
