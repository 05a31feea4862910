package jsonschema

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Numbers are compared exactly, and 1e1000000 is a number of a million digits:
// a payload full of those would take minutes. What is beyond these exponents is
// beyond the double precision that receivers have for numbers.
const maxExponentDigits, maxExponent = 3, "400"

func tooLarge(number string) bool {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return false
	}
	exponent := strings.TrimLeft(number[i+1:], "+-0")
	return len(exponent) > maxExponentDigits || len(exponent) == maxExponentDigits && exponent > maxExponent
}

func anyTooLarge(value any) bool {
	switch v := value.(type) {
	case json.Number:
		return tooLarge(v.String())
	case []any:
		return slices.ContainsFunc(v, anyTooLarge)
	case map[string]any:
		for _, item := range v {
			if anyTooLarge(item) {
				return true
			}
		}
	}
	return false
}

// firstTooLarge returns the place of such a number, always of the same one.
func firstTooLarge(value any) []string {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			if anyTooLarge(item) {
				return append([]string{strconv.Itoa(i)}, firstTooLarge(item)...)
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if anyTooLarge(v[name]) {
				return append([]string{name}, firstTooLarge(v[name])...)
			}
		}
	}
	return nil
}
