package redisstore

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docKeys   = regexp.MustCompile(`(?m)^-- KEYS\[(\d+)(\.\.\.)?\]`)
	useKeys   = regexp.MustCompile(`KEYS\[(\d+)\]`)
	callOf    = regexp.MustCompile(`\b(?:call|each)\(\s*(?:'([A-Z]+)'|[a-z][^,]*),\s*([^,)]+)`)
	plainName = regexp.MustCompile(`^(?:unpack\(KEYS|KEYS\[.+\]|[a-zA-Z_]+(?:\[[a-z0-9]+\])?)$`)
)

// Every script says what its KEYS, its ARGV and its answer are, uses no key that
// it does not say, and gets every key from KEYS: none is put together.
func TestScriptsDeclareTheirKeys(t *testing.T) {
	files, err := os.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("script.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".lua")
		text := readScript(name)
		code := regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(text, "")
		for _, m := range callOf.FindAllStringSubmatch(code, -1) {
			// TIME has no key, PUBLISH a channel, and these two pass on their own.
			if m[1] == "TIME" || m[1] == "PUBLISH" {
				continue
			}
			if !plainName.MatchString(strings.TrimSpace(m[2])) {
				t.Errorf("%s: %q does not take its key from KEYS as it is", name, m[0])
			}
		}
		if name == "prelude" {
			if useKeys.MatchString(code) {
				t.Errorf("the prelude uses KEYS")
			}
			continue
		}
		if !strings.Contains(string(source), fmt.Sprintf("load(%q)", name)) {
			t.Errorf("%s is not used", name)
		}
		if !strings.HasPrefix(text, "-- "+name+" ") || !strings.Contains(text, "-- ARGV") || !strings.Contains(text, "-- Returns ") {
			t.Errorf("%s does not begin with what it does, its ARGV, and what it returns", name)
		}
		var documented []string
		open := 0
		for _, m := range docKeys.FindAllStringSubmatch(text, -1) {
			documented = append(documented, m[1])
			if m[2] != "" {
				_, _ = fmt.Sscan(m[1], &open)
			}
		}
		for _, m := range useKeys.FindAllStringSubmatch(code, -1) {
			var n int
			_, _ = fmt.Sscan(m[1], &n)
			if !slices.Contains(documented, m[1]) && (open == 0 || n < open) {
				t.Errorf("%s uses KEYS[%s], which it does not document", name, m[1])
			}
		}
		for i, k := range documented {
			if k != fmt.Sprint(i+1) && !slices.Contains(documented[:i], k) {
				t.Errorf("%s documents KEYS[%s] in place %d", name, k, i+1)
			}
		}
	}
}

// All keys of a shard share its hash tag, whatever is in the names of tenants,
// lanes and patterns.
func TestKeysShareASlot(t *testing.T) {
	k := newKeys("app", 7)
	for _, key := range []string{
		k.meta, k.ids, k.heads, k.bodies, k.open, k.rows, k.order, k.ended, k.bare, k.lanes, k.tenants, k.counts,
		k.aborted, k.timed, k.held, k.leases, k.attempts, k.endpoints, k.versions, k.list, k.tombs,
		k.tenantOrder("{x}"), k.fresh("}{"), k.history("{"), compacted(k.history("{}")), k.tenantList("{a}"), k.tenantTombs("}"), k.pattern("{t}", "{p}"),
	} {
		open, end := strings.IndexByte(key, '{'), strings.IndexByte(key, '}')
		if open != 0 || key[:end+1] != "{app:07}" {
			t.Errorf("%q does not have the tag {app:07}", key)
		}
	}
	if k.pattern("b", "a") == k.pattern("", "a\x00b") || k.tenantOrder("x") == k.fresh("x") {
		t.Errorf("different names make one key")
	}
	for _, tenant := range []string{":compacted", "compacted", "x:compacted"} {
		if name := k.tenantOrder(tenant); name == compacted(k.order) || name == compacted(k.tenantOrder("")) || name == compacted(k.tenantOrder("x")) {
			t.Errorf("the list of tenant %q has the name of another one that is being compacted", tenant)
		}
	}
}
