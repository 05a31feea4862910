package deps

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is a statement about the import graph.
type Rule interface {
	// Check returns one sentence per violation, in a stable order; none when the rule holds.
	Check(g Graph) []string
}

// Only says that a package depends on the standard library and on what is listed, directly and through others, and on
// nothing else.
type Only struct {
	// Package is the path of the package, relative to the module root.
	Package string
	// Own lists patterns of packages of the root module it may depend on: a relative path, or "dir/..." for all in dir.
	Own []string
	// Modules lists the third-party modules it depends on, exactly: a module that is listed and not reached is a
	// violation too, so that the list stays true.
	Modules []string
}

// Check implements Rule.
func (r Only) Check(g Graph) []string {
	from := Root + "/" + r.Package
	if _, ok := g[from]; !ok {
		return []string{fmt.Sprintf("%s: no such package", r.Package)}
	}
	var violations []string
	reached := map[string]bool{}
	for path, chain := range g.reach(from) {
		p, known := g[path]
		switch rel, own := g.own(path); {
		case !known:
			violations = append(violations, fmt.Sprintf("%s imports %s, which is no Go package", r.Package, via(chain)))
		case p.Standard:
		case own && !matchesAny(r.Own, rel):
			violations = append(violations, fmt.Sprintf("%s may not depend on %s: %s", r.Package, rel, via(chain)))
		case !own && !slices.Contains(r.Modules, p.Module):
			violations = append(violations, fmt.Sprintf("%s may not depend on module %s: %s", r.Package, p.Module, via(chain)))
		case !own:
			reached[p.Module] = true
		}
	}
	for _, m := range r.Modules {
		if !reached[m] {
			violations = append(violations, fmt.Sprintf("%s is said to depend on module %s and does not", r.Package, m))
		}
	}
	slices.Sort(violations)
	return violations
}

// Isolated says that the direct children of a directory do not depend on each other. A child may have packages below
// it, which count as its own.
type Isolated struct {
	// Dir is the directory, relative to the module root.
	Dir string
}

// Check implements Rule.
func (r Isolated) Check(g Graph) []string {
	var violations []string
	for from := range g {
		a, ok := r.child(g, from)
		if !ok {
			continue
		}
		for path, chain := range g.reach(from) {
			if b, ok := r.child(g, path); ok && a != b {
				violations = append(violations, fmt.Sprintf("%s/%s may not depend on %s/%s: %s", r.Dir, a, r.Dir, b, via(chain)))
			}
		}
	}
	slices.Sort(violations)
	return violations
}

// child names the child of the directory that the package at path belongs to.
func (r Isolated) child(g Graph, path string) (string, bool) {
	rel, own := g.own(path)
	rest, below := strings.CutPrefix(rel, r.Dir+"/")
	if !own || !below {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, true
}

// Above says that a directory is a top layer: no package of the root module outside it depends on one inside it.
type Above struct {
	// Dir is the directory, relative to the module root.
	Dir string
}

// Check implements Rule.
func (r Above) Check(g Graph) []string {
	var violations []string
	inside := []string{r.Dir + "/..."}
	for from := range g {
		rel, own := g.own(from)
		if !own || matchesAny(inside, rel) {
			continue
		}
		for path, chain := range g.reach(from) {
			if to, own := g.own(path); own && matchesAny(inside, to) {
				violations = append(violations, fmt.Sprintf("%s may not depend on %s: %s", rel, to, via(chain)))
			}
		}
	}
	slices.Sort(violations)
	return violations
}

// via prints a chain of imports.
func via(chain []string) string {
	return strings.Join(chain, " → ")
}
