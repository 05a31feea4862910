package store

import (
	"fmt"
	"slices"
)

// The enumerations of this package are small numbers in a store and words in
// everything that people and programs read. 0 has no name: it is invalid.

func nameOf(kind string, names []string, v uint8) string {
	if v > 0 && int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}

func marshalName(kind string, names []string, v uint8) ([]byte, error) {
	if v == 0 || int(v) >= len(names) {
		return nil, fmt.Errorf("store: invalid %s %d", kind, v)
	}
	return []byte(names[v]), nil
}

func unmarshalName(kind string, names []string, text []byte, v *uint8) error {
	i := slices.Index(names, string(text))
	if i < 1 {
		return fmt.Errorf("store: unknown %s %q", kind, text)
	}
	*v = uint8(i) // #nosec G115 -- few names
	return nil
}
