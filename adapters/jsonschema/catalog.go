package jsonschema

import (
	"fmt"
	"reflect"

	"github.com/postrider/postrider/dispatcher"
)

// NewCatalog makes a catalog as [dispatcher.NewCatalog] does, and derives the
// schemas: each [dispatcher.EventType] that has none gets that of its T, to which
// its example is held. It fails with a [*dispatcher.ValidationError] as that
// does, and where a schema cannot be derived.
func NewCatalog(types ...dispatcher.CatalogEntry) (*dispatcher.Catalog, error) {
	entries := make([]dispatcher.CatalogEntry, len(types))
	for i, entry := range types {
		entries[i] = entry
		info, ok := typed(entry)
		if !ok {
			continue // dispatcher.NewCatalog says what is wrong with it
		}
		s, err := forType(info.GoType)
		if err != nil {
			return nil, &dispatcher.ValidationError{Field: fmt.Sprintf("types[%d].schema", i), Reason: err.Error()}
		}
		info.Schema = s
		entries[i] = info
	}
	return dispatcher.NewCatalog(entries...)
}

// typed returns the definition of an entry whose schema is to be derived.
func typed(entry dispatcher.CatalogEntry) (info dispatcher.EventTypeInfo, ok bool) {
	defer func() {
		if recover() != nil { // a nil pointer
			ok = false
		}
	}()
	if entry == nil {
		return info, false
	}
	info = entry.Info()
	return info, info.Schema == nil && info.GoType != nil
}

// For derives the schema of the JSON that encoding/json makes of a T. The
// package comment says how. It fails if T holds what has no JSON, such as a
// channel, or a map with keys that are no text.
func For[T any]() (dispatcher.Schema, error) {
	s, err := forType(reflect.TypeFor[T]())
	if err != nil {
		return nil, invalid("%v", err)
	}
	return s, nil
}
