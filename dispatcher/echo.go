package dispatcher

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/store"
)

// redacted stands for the value of a custom header, which may be a credential.
const redacted = "[redacted]"

// minEcho is the length from which on a value is looked for in answers. Shorter
// ones are words of any text.
const minEcho = 8

// echoes are the values of an endpoint's own headers as an answer may repeat them:
// error pages and receivers that somebody is testing print the request. They are
// sealed in the store, and must not be recorded beside it.
type echoes [][]byte // the longest first

// newEchoes returns what to look for if these fields are sent.
func newEchoes(custom []store.Header) (e echoes) {
	var all []string
	for _, f := range custom {
		if isPreference(f.Name) {
			continue
		}
		for _, v := range parts(f) {
			all = append(all, v, escapeEcho.Replace(v), escapeSlashes.Replace(v))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, v := range slices.Compact(all) {
		if len(v) >= minEcho {
			e = append(e, []byte(v))
		}
	}
	return e
}

// parts returns the value of a field, and what receivers take out of it.
func parts(f store.Header) []string {
	all := []string{f.Value}
	if scheme, token, ok := strings.Cut(f.Value, " "); ok {
		all = append(all, token)
		if login, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
			_, password, _ := strings.Cut(string(login), ":")
			all = append(all, string(login), password)
		}
	}
	if f.Name == "Cookie" {
		for pair := range strings.SplitSeq(f.Value, ";") {
			_, v, _ := strings.Cut(pair, "=")
			all = append(all, v)
		}
	}
	return all
}

// In JSON a value is escaped, by some (PHP) with its slashes.
var (
	escapeEcho    = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`)
	escapeSlashes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "/", `\/`)
)

// isPreference reports whether a field says what its sender is or would like: its
// value is no credential, and stands in many answers.
func isPreference(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "accept") || name == "user-agent" || name == "cache-control" || name == "origin"
}

// redact takes the values out of what is recorded of an answer. limit bounds its
// body, in bytes.
func (e echoes) redact(a *store.Attempt, limit int) {
	if len(e) == 0 {
		return
	}
	body := e.replace(a.ResponseBody)
	limit = max(limit, len(a.ResponseBody))
	a.ResponseBody, a.Truncated = egress.Bytes(body, limit), a.Truncated || len(body) > limit
	for i := range a.ResponseHeader {
		if f := &a.ResponseHeader[i]; len(f.Value) >= minEcho {
			f.Value = string(e.replace([]byte(f.Value)))
		}
	}
	a.Error = string(e.replace([]byte(a.Error)))
}

// replace returns b without the values, and without the beginning of one at its
// end, where it may have been cut. It does not change b.
func (e echoes) replace(b []byte) []byte {
	for _, v := range e {
		if bytes.Contains(b, v) {
			b = bytes.ReplaceAll(b, v, []byte(redacted))
		}
	}
	for _, v := range e {
		end := b[len(b)-min(len(v), len(b)):]
		for i := bytes.Index(end, v[:minEcho]); i >= 0; i = bytes.Index(end, v[:minEcho]) {
			if end = end[i:]; bytes.HasPrefix(v, end) {
				n := len(b) - len(end)
				return append(b[:n:n], redacted...)
			}
			end = end[1:]
		}
	}
	return b
}
