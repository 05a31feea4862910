package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// The comparisons below go field by field through whatever the records hold, so
// that a field added to a record is compared without a change here. An absent
// slice or map equals an empty one; where the contract tells them apart, the
// tests do so themselves.

// same compares two answers of a store about the same record: equal to the last
// digit. It returns "" or what differs.
func same(got, want any) string { return compare(got, want, 0) }

// kept compares a record with what was stored: times may have lost what is
// beyond the store's precision.
func kept(got, want any) string { return compare(got, want, precision) }

func compare(got, want any, slack time.Duration) string {
	c := comparison{slack: slack}
	c.value("", reflect.ValueOf(got), reflect.ValueOf(want))
	return strings.Join(c.found, "; ")
}

type comparison struct {
	slack time.Duration
	found []string
}

func (c *comparison) differ(path string, got, want any) {
	c.found = append(c.found, fmt.Sprintf("%s is %v, want %v", strings.TrimPrefix(path, "."), got, want))
}

func (c *comparison) value(path string, got, want reflect.Value) {
	if got.Type() != want.Type() {
		c.differ(path, got.Type(), want.Type())
		return
	}
	switch w := want.Interface().(type) {
	case time.Time:
		if g := got.Interface().(time.Time); !near(g, w, c.slack) {
			c.differ(path, g, w)
		}
		return
	case []byte:
		if g := got.Bytes(); !bytes.Equal(g, w) {
			c.differ(path, fmt.Sprintf("%q", g), fmt.Sprintf("%q", w))
		}
		return
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			c.value(path+"."+want.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
	case reflect.Slice:
		if got.Len() != want.Len() {
			c.differ(path, got, want)
			return
		}
		for i := range want.Len() {
			c.value(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
		}
	case reflect.Map:
		if got.Len() != want.Len() {
			c.differ(path, got, want)
			return
		}
		for _, k := range want.MapKeys() {
			if g := got.MapIndex(k); !g.IsValid() {
				c.differ(fmt.Sprintf("%s[%v]", path, k), "absent", want.MapIndex(k))
			} else {
				c.value(fmt.Sprintf("%s[%v]", path, k), g, want.MapIndex(k))
			}
		}
	default:
		if got.Interface() != want.Interface() {
			c.differ(path, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
		}
	}
}

// near compares times; only a zero time equals a zero time.
func near(a, b time.Time, slack time.Duration) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && b.IsZero()
	}
	return a.Sub(b).Abs() <= slack
}

// sameNext tells whether a lane's Next is as wanted: one that has passed, at the
// time that it is read against, may be any that has.
func sameNext(got, want, now time.Time) bool {
	if !got.IsZero() && !want.IsZero() && !got.After(now) && !want.After(now) {
		return true
	}
	return near(got, want, precision)
}

// between tells whether a store's time lies in a span, up to its precision.
func between(at, from, to time.Time) bool {
	return !at.Before(from.Add(-precision)) && !at.After(to.Add(precision))
}
