package schemadiff

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// members is what a schema says about properties.
type members struct {
	named    map[string]any
	patterns map[string]any
	// extra governs the others; true if nothing is said.
	extra any
	// closed: there can be no others.
	closed bool
}

func (d *document) members(f flat) members {
	m := members{extra: true}
	m.named, _ = f.keywords["properties"].(map[string]any)
	m.patterns, _ = f.keywords["patternProperties"].(map[string]any)
	if s, ok := f.keywords["additionalProperties"]; ok {
		m.extra = s
	}
	m.closed = d.flatten(m.extra).never
	return m
}

// governing lists what must hold for a property by its name; ok is false if a
// pattern is none that can be read.
func (m members) governing(name string) (schemas []any, ok bool) {
	if s, found := m.named[name]; found {
		schemas = append(schemas, s)
	}
	for _, pattern := range slices.Sorted(maps.Keys(m.patterns)) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, false
		}
		if re.MatchString(name) {
			schemas = append(schemas, m.patterns[pattern])
		}
	}
	if len(schemas) == 0 {
		schemas = []any{m.extra}
	}
	return schemas, true
}

// described says that a property has more of a schema than "anything".
func described(schemas []any) bool {
	return slices.ContainsFunc(schemas, func(s any) bool {
		m, isMap := s.(map[string]any)
		return isMap && len(m) > 0
	})
}

func (c *comparer) object(o, n flat, path string) {
	was, is := c.old.members(o), c.new.members(n)
	needed, _ := o.keywords["required"].([]any)
	needs, _ := n.keywords["required"].([]any)

	removed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(was.named)) {
		removed[name] = c.property(was, is, name, path)
	}
	for _, v := range minus(needed, needs) {
		if name, ok := v.(string); ok && !removed[name] {
			c.breaking(child(path, name), "is no longer required")
		}
	}
	for _, v := range minus(needs, needed) {
		name, ok := v.(string)
		if _, old := was.named[name]; ok && old {
			c.narrower(child(path, name), "is now always there")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is.named)) {
		if _, old := was.named[name]; !old {
			c.newProperty(was, is, name, path)
		}
	}
	c.others(was, is, path)
	c.count(o, n, path, "minProperties", "maxProperties")
	for _, k := range []string{"propertyNames", "dependentRequired", "dependentSchemas", "dependencies"} {
		c.whole(o, n, path, k)
	}
}

// property compares one that the old schema names, and says whether it reported
// that the property was removed.
func (c *comparer) property(was, is members, name, path string) (removed bool) {
	at := child(path, name)
	_, named := is.named[name]
	old, okOld := was.governing(name)
	now, okNow := is.governing(name)
	if !okOld || !okNow {
		c.unclear(at, "cannot be judged: patternProperties cannot be read")
		return false
	}
	if !named && !described(now) {
		if !c.old.flatten(was.named[name]).never {
			c.breaking(at, "was removed")
			return true
		}
		if !is.closed {
			c.breaking(at, "was excluded and no longer is")
		}
		return false
	}
	c.deprecation(was.named[name], is.named[name], at)
	for _, s := range old {
		c.compare(s, conjunction(now), at)
	}
	return false
}

func conjunction(schemas []any) any {
	if len(schemas) == 1 {
		return schemas[0]
	}
	return map[string]any{"allOf": schemas}
}

func (c *comparer) deprecation(was, is any, path string) {
	old, _ := was.(map[string]any)
	now, _ := is.(map[string]any)
	if now["deprecated"] == true && old["deprecated"] != true {
		c.compatible(path, "is now deprecated")
	}
}

// newProperty is one that only the new schema names.
func (c *comparer) newProperty(was, is members, name, path string) {
	at := child(path, name)
	old, okOld := was.governing(name)
	now, okNow := is.governing(name)
	switch {
	case !okOld || !okNow:
		c.unclear(at, "cannot be judged: patternProperties cannot be read")
	case c.new.flatten(conjunction(now)).never:
	case described(old):
		for _, s := range old {
			c.compare(s, conjunction(now), at)
		}
	case c.old.flatten(conjunction(old)).never:
		c.breaking(at, "is new, and the old schema admits no other properties")
	default:
		c.compatible(at, "is new")
	}
}

// others compares what is said of properties without a name in the schema.
func (c *comparer) others(was, is members, path string) {
	at := path + "/*"
	for _, pattern := range slices.Sorted(maps.Keys(was.patterns)) {
		if s, ok := is.patterns[pattern]; ok {
			c.compare(was.patterns[pattern], s, at)
		} else {
			c.breaking(at, "is no longer described where its name matches %s", strconv.Quote(pattern))
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(is.patterns)) {
		if _, ok := was.patterns[pattern]; ok {
			continue
		}
		switch {
		case len(was.patterns) > 0:
			c.unclear(at, "cannot be judged: patternProperties have changed")
		case was.closed:
			c.breaking(at, "may now be there, with a name that matches %s", strconv.Quote(pattern))
		default:
			c.compare(was.extra, is.patterns[pattern], at)
		}
	}
	switch {
	case is.closed:
	case was.closed:
		c.breaking(at, "may now be there, and the old schema admits no other properties")
	default:
		c.compare(was.extra, is.extra, at)
	}
}
