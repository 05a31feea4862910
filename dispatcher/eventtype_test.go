package dispatcher

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
)

func TestEventTypes(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "invoice.paid": true, "group.member_added": true, "a-b.c": true, "A.B.C.D": true,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a*": false, "*": false,
		"a.*": false, "é": false, "a\n": false, "a/b": false,
	} {
		if err := checkType(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for s, ok := range map[string]bool{
		"*": true, "a": true, "a.*": true, "a.b.*": true, "a.b": true,
		"": false, ".*": false, "*.a": false, "a.*.b": false, "a*": false, "**": false, "a.**": false, "a.*.*": false, "*.*": false,
		strings.Repeat("x", 127) + ".*": false,
	} {
		if err := checkPattern(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// matches is the meaning of patterns, written down a second time.
func matches(pattern, eventType string) bool {
	if pattern == "*" {
		return true
	}
	expr := "^" + regexp.QuoteMeta(pattern) + "$"
	if prefix, ok := strings.CutSuffix(pattern, ".*"); ok {
		expr = "^" + regexp.QuoteMeta(prefix) + `\..+$`
	}
	return regexp.MustCompile(expr).MatchString(eventType)
}

// Matching is a look-up among finitely many patterns; it must mean the same as
// comparing a type with each pattern.
func FuzzEventPatterns(f *testing.F) {
	for _, p := range []string{"*", "a", "a.*", "a.b.*", "invoice.item.*", "x*", ""} {
		for _, s := range []string{"a", "a.b", "a.b.c", "ab.c", "invoice.item.added", "invoices"} {
			f.Add(p, s)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, eventType string) {
		if checkPattern(pattern) != nil || checkType(eventType) != nil {
			return
		}
		got := slices.Contains(store.MatchingPatterns(eventType), pattern)
		if want := matches(pattern, eventType); got != want {
			t.Fatalf("pattern %q, type %q: look-up says %v, comparison %v", pattern, eventType, got, want)
		}
		for _, p := range store.MatchingPatterns(eventType) {
			if err := checkPattern(p); err != nil && len(p) <= maxTypeLen {
				t.Fatalf("%q is no valid pattern: %v", p, err)
			}
		}
	})
}
