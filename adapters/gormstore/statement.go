package gormstore

import (
	"strconv"
	"strings"
	"sync"
)

// statements turns the text of a statement, as it stands in this package, into
// what the database is sent. In a text, {deliveries} is a table, {deliveries_queue}
// an index, {now} the database's time in microseconds, and each question mark a
// parameter.
type statements struct {
	dialect dialect
	prefix  string
	schema  string
	done    sync.Map // text to statement
}

// tables are the names that a schema qualifies; other names in braces are those
// of indexes.
var tables = map[string]bool{
	"meta": true, "endpoints": true, "subscriptions": true, "events": true, "deliveries": true, "attempts": true,
	"counts": true, "deltas": true, "processes": true, "numbers": true,
}

// of returns the statement for a text. It remembers it, so a text must come from
// a bounded set.
func (s *statements) of(text string) string {
	if done, ok := s.done.Load(text); ok {
		return done.(string)
	}
	done := s.render(text)
	s.done.Store(text, done)
	return done
}

func (s *statements) render(text string) string {
	var b strings.Builder
	parameters := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '?':
			parameters++
			if s.dialect == postgres {
				b.WriteByte('$')
				b.WriteString(strconv.Itoa(parameters))
			} else {
				b.WriteByte(c)
			}
		case '{':
			end := strings.IndexByte(text[i:], '}')
			b.WriteString(s.name(text[i+1 : i+end]))
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (s *statements) name(name string) string {
	switch {
	case name == "now":
		return s.dialect.now()
	case tables[name]:
		return s.table(name)
	}
	return s.dialect.quote(s.prefix + name)
}

// table returns the qualified, quoted name of a table.
func (s *statements) table(name string) string {
	t := s.dialect.quote(s.prefix + name)
	if s.schema != "" {
		t = s.dialect.quote(s.schema) + "." + t
	}
	return t
}

// list returns n question marks with commas, for an IN list.
func list(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
