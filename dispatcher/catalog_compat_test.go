package dispatcher_test

import (
	"slices"
	"testing"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/dispatcher"
)

// Each change is judged from the side of receivers that know the older catalog.
func TestChangesSince(t *testing.T) {
	schema := func(document string) dispatcher.EventTypeInfo {
		return dispatcher.EventTypeInfo{Name: "a", Schema: compile(t, document)}
	}
	plain := dispatcher.EventTypeInfo{Name: "a"}
	for name, tt := range map[string]struct {
		older, newer []dispatcher.CatalogEntry
		want         []string
	}{
		"nothing": {[]dispatcher.CatalogEntry{plain}, []dispatcher.CatalogEntry{plain}, nil},
		"type added and removed, and the order": {
			[]dispatcher.CatalogEntry{plain, dispatcher.EventTypeInfo{Name: "b"}, dispatcher.EventTypeInfo{Name: "c"}},
			[]dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "d"}, dispatcher.EventTypeInfo{Name: "c"}, plain},
			[]string{"breaking: b was removed", "compatible: d is new"},
		},
		"description and example": {[]dispatcher.CatalogEntry{plain},
			[]dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "a", Description: "d", Example: 1}}, nil},
		"deprecated": {[]dispatcher.CatalogEntry{plain}, []dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "a", Deprecated: true}},
			[]string{"compatible: a is now deprecated"}},
		"replaced": {[]dispatcher.CatalogEntry{plain},
			[]dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "a", Deprecated: true, Replacement: "b"}, dispatcher.EventTypeInfo{Name: "b"}},
			[]string{"compatible: a is now deprecated in favour of b", "compatible: b is new"}},
		"no longer deprecated": {[]dispatcher.CatalogEntry{dispatcher.EventTypeInfo{Name: "a", Deprecated: true}}, []dispatcher.CatalogEntry{plain},
			[]string{"compatible: a is no longer deprecated"}},
		"schema added":   {[]dispatcher.CatalogEntry{plain}, []dispatcher.CatalogEntry{schema(`{}`)}, []string{"compatible: a has a schema now"}},
		"schema removed": {[]dispatcher.CatalogEntry{schema(`{}`)}, []dispatcher.CatalogEntry{plain}, []string{"breaking: a has no schema any more"}},
		"schema changed": {
			[]dispatcher.CatalogEntry{schema(`{"type":"object","properties":{"kept":{"type":"string","pattern":"a"},"gone":true}}`)},
			[]dispatcher.CatalogEntry{schema(`{"type":"object","properties":{"kept":{"type":"string","pattern":"b"},"new":true}}`)},
			[]string{
				"breaking: a /gone was removed",
				"unclear: a /kept has another pattern, and whether the old one admits as much cannot be told",
				"compatible: a /new is new",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range mustCatalog(t, tt.newer...).ChangesSince(mustCatalog(t, tt.older...)) {
				got = append(got, c.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// A missing catalog has no types.
func TestChangesSinceNothing(t *testing.T) {
	c := mustCatalog(t, dispatcher.EventTypeInfo{Name: "a"})
	var none *dispatcher.Catalog
	if got := c.ChangesSince(none); len(got) != 1 || got[0].Impact != dispatcher.ImpactCompatible {
		t.Errorf("got %v", got)
	}
	if got := none.ChangesSince(c); len(got) != 1 || got[0].Impact != dispatcher.ImpactBreaking {
		t.Errorf("got %v", got)
	}
	if got := none.ChangesSince(none); got != nil {
		t.Errorf("got %v", got)
	}
}

// Changes of a Go type have the impact that receivers feel.
func TestChangesOfGoTypes(t *testing.T) {
	type item struct {
		Price int32 `json:"price"`
	}
	type before struct {
		ID    string            `json:"id"`
		Items []item            `json:"items"`
		Note  string            `json:"note,omitempty"`
		Meta  map[string]string `json:"meta"`
	}
	type wider struct {
		Price int64 `json:"price"`
	}
	older, err := jsonschema.NewCatalog(dispatcher.EventType[before]{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		newer dispatcher.CatalogEntry
		want  []string
	}{
		"a field more": {dispatcher.EventType[struct {
			before
			More bool `json:"more"`
		}]{Name: "a"}, []string{"compatible: a /more is new"}},
		"a field less": {dispatcher.EventType[struct {
			ID    string            `json:"id"`
			Items []item            `json:"items"`
			Meta  map[string]string `json:"meta"`
		}]{Name: "a"}, []string{"breaking: a /note was removed"}},
		"wider, optional, always there": {dispatcher.EventType[struct {
			ID    *string           `json:"id"`
			Items []wider           `json:"items"`
			Note  string            `json:"note"`
			Meta  map[string]string `json:"meta,omitempty"`
		}]{Name: "a"}, []string{
			"breaking: a /id may now also be null (was string)",
			"breaking: a /items/*/price has no minimum any more",
			"breaking: a /items/*/price has no maximum any more",
			"compatible: a /meta is now always object (was null or object)",
			"breaking: a /meta is no longer required",
			"compatible: a /note is now always there",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			newer, err := jsonschema.NewCatalog(tt.newer)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range newer.ChangesSince(older) {
				got = append(got, c.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}
