package schemadiff

import "strconv"

// items is what a schema says about the items of an array: the first ones one
// by one, then the rest.
type items struct {
	first []any
	rest  any
}

func (f flat) items() items {
	it := items{rest: true}
	if list, ok := f.keywords["items"].([]any); ok { // before 2020-12
		it.first = list
		if s, ok := f.keywords["additionalItems"]; ok {
			it.rest = s
		}
		return it
	}
	it.first, _ = f.keywords["prefixItems"].([]any)
	if s, ok := f.keywords["items"]; ok {
		it.rest = s
	}
	return it
}

func (it items) at(i int) any {
	if i < len(it.first) {
		return it.first[i]
	}
	return it.rest
}

func (c *comparer) array(o, n flat, path string) {
	was, is := o.items(), n.items()
	for i := range max(len(was.first), len(is.first)) {
		c.compare(was.at(i), is.at(i), path+"/"+strconv.Itoa(i))
	}
	c.compare(was.rest, is.rest, path+"/*")
	c.count(o, n, path, "minItems", "maxItems")
	if o.keywords["uniqueItems"] == true && n.keywords["uniqueItems"] != true {
		c.breaking(path, "may now repeat items")
	}
	c.whole(o, n, path, "contains", "minContains", "maxContains")
}
