// Package schemadiff says whether whoever was written against an old JSON
// Schema can read what a new one admits.
//
// The question is that of a receiver of webhooks: the sender changes the
// schema, the receiver does not. A change is safe if every document that the
// new schema admits is admitted by the old one too, and if no property that the
// receiver may use has gone.
//
// [Compare] reads drafts 2020-12, 2019-09 and 07. It follows $ref within the
// document, merges allOf, and distributes anyOf and oneOf. It is conservative:
// what it finds safe is safe; what it cannot judge, such as a changed "not" or
// "if", it reports as [Unclear].
package schemadiff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
)

// Verdict says what a difference means to a receiver. They are ordered.
type Verdict uint8

const (
	// Compatible: the receiver need do nothing.
	Compatible Verdict = iota
	// Unclear: the change is of a kind that Compare cannot judge.
	Unclear
	// Breaking: the receiver may get what it does not expect, or miss what it
	// does.
	Breaking
)

// Difference is one change between two schemas.
type Difference struct {
	// Path is the JSON pointer (RFC 6901) of the place in a document that the
	// schemas describe. A "*" stands for every item of an array, or for every
	// property that has no name in the schema.
	Path string
	// Verdict says what it means.
	Verdict Verdict
	// Reason is a clause whose subject is the value at Path, such as "may now
	// also be null".
	Reason string
}

// maxSteps bounds the work: alternatives that are nested multiply.
const maxSteps, stepsPerPair = 1_000_000, 20

// Compare lists the differences from the old schema to the new one, in the order of the place in
// the schema. Differences in annotations (title, description, examples …) and
// most of those that merely narrow what is admitted are not listed. It fails if
// one of the two is no JSON; it does not check that they are valid schemas.
func Compare(was, is []byte) ([]Difference, error) {
	o, err := parse(was)
	if err != nil {
		return nil, fmt.Errorf("old schema: %w", err)
	}
	n, err := parse(is)
	if err != nil {
		return nil, fmt.Errorf("new schema: %w", err)
	}
	budget := maxSteps
	c := &comparer{old: o, new: n, active: map[pair]bool{}, budget: &budget}
	seen := map[Difference]bool{}
	var all []Difference
	c.report = func(d Difference) {
		// Alternatives that are distributed meet the same difference again.
		if !seen[d] {
			seen[d] = true
			all = append(all, d)
		}
	}
	c.compare(o.root, n.root, "")
	return all, nil
}

func parse(text []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	d := &document{root: root}
	if m, ok := root.(map[string]any); ok {
		s, _ := m["$schema"].(string)
		d.refAlone = strings.Contains(s, "json-schema.org/draft-0")
	}
	return d, nil
}

// comparer holds one comparison.
type comparer struct {
	old, new *document
	report   func(Difference)
	// active holds the pairs that are being compared. To meet one again means
	// that the schemas are recursive; nothing new can be found there.
	active map[pair]bool
	budget *int
	gaveUp bool // the budget was used up, and that was reported
	// alternative: the new schema is one of several, so that what it says is not
	// said of all documents.
	alternative bool
}

type pair struct{ old, new uintptr }

func identity(schema any) uintptr {
	if m, ok := schema.(map[string]any); ok {
		return reflect.ValueOf(m).Pointer()
	}
	return 0
}

// compare reports how what the new schema admits differs from what the old one
// does.
func (c *comparer) compare(was, is any, path string) {
	if *c.budget -= stepsPerPair; *c.budget < 0 {
		if !c.gaveUp {
			c.gaveUp = true
			c.unclear(path, "cannot be judged: the schemas are too intricate")
		}
		return
	}
	if c.same(was, is) {
		return
	}
	was, is = c.old.follow(was), c.new.follow(is)
	p := pair{identity(was), identity(is)}
	if p.old != 0 && p.new != 0 {
		if c.active[p] {
			return
		}
		c.active[p] = true
		defer delete(c.active, p)
	}
	c.compareFlat(c.old.flatten(was), c.new.flatten(is), path)
}

func (c *comparer) compareFlat(o, n flat, path string) {
	switch {
	case n.never:
		return
	case o.never:
		c.breaking(path, "was not admitted and now is")
		return
	case o.unclear != "" || n.unclear != "":
		c.unclear(path, "cannot be judged: %s", cmp.Or(o.unclear, n.unclear))
		return
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if c.sameKeyword(o, n, keyword) {
			o, n = o.without(keyword), n.without(keyword)
		}
	}
	if rest, alternatives, _ := n.alternatives(); alternatives != nil {
		before := c.alternative
		c.alternative = before || len(alternatives) > 1
		for _, a := range alternatives {
			c.compareFlat(o, c.new.both(rest, a), path)
		}
		c.alternative = before
		return
	}
	if rest, alternatives, exclusive := o.alternatives(); alternatives != nil {
		c.quietly(func() { c.compareFlat(rest, n, path) })
		c.oneOfThem(alternatives, exclusive, n, path)
		return
	}
	c.values(o, n, path)
}

// oneOfThem reports unless all that n admits is admitted by one alternative of
// the old schema; and, if they exclude each other, by no second one.
func (c *comparer) oneOfThem(alternatives []any, exclusive bool, n flat, path string) {
	var near []any // those that n may overlap with
	fit, best := -1, Breaking
	for i, a := range alternatives {
		o := c.old.flatten(a)
		if disjoint(c.old, o, c.new, n) {
			continue
		}
		near = append(near, a)
		if v := c.try(o, n); v == Compatible {
			fit = i
		} else {
			best = min(best, v)
		}
	}
	switch {
	case fit >= 0 && exclusive && len(near) > 1:
		c.unclear(path, "may now match more than one alternative of the old oneOf")
	case fit >= 0:
		c.compareFlat(c.old.flatten(alternatives[fit]), n, path)
	case len(near) == 1:
		c.compareFlat(c.old.flatten(near[0]), n, path)
	case best == Unclear:
		c.unclear(path, "cannot be judged: none of the old alternatives is known to admit it")
	default:
		c.breaking(path, "may now be what none of the old alternatives admits")
	}
}

// quietly leaves out what is compatible: compared with a part of the old schema,
// everything is new.
func (c *comparer) quietly(compare func()) {
	report := c.report
	c.report = func(d Difference) {
		if d.Verdict != Compatible {
			report(d)
		}
	}
	compare()
	c.report = report
}

// try compares without reporting and returns the worst verdict.
func (c *comparer) try(o, n flat) Verdict {
	worst := Compatible
	t := &comparer{old: c.old, new: c.new, active: maps.Clone(c.active), budget: c.budget}
	t.report = func(d Difference) { worst = max(worst, d.Verdict) }
	t.compareFlat(o, n, "")
	return worst
}

func (c *comparer) breaking(path, format string, args ...any) {
	c.report(Difference{Path: path, Verdict: Breaking, Reason: fmt.Sprintf(format, args...)})
}

func (c *comparer) unclear(path, format string, args ...any) {
	c.report(Difference{Path: path, Verdict: Unclear, Reason: fmt.Sprintf(format, args...)})
}

// narrower reports what is compatible, if it holds for all documents.
func (c *comparer) narrower(path, format string, args ...any) {
	if !c.alternative {
		c.compatible(path, format, args...)
	}
}

func (c *comparer) compatible(path, format string, args ...any) {
	c.report(Difference{Path: path, Verdict: Compatible, Reason: fmt.Sprintf(format, args...)})
}

// child is the path of a property or an item.
func child(path, name string) string {
	return path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
