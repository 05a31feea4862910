package deps

import (
	"slices"
	"strings"
)

// Package is what the rules need to know of one package of the import graph.
type Package struct {
	// Path is the import path.
	Path string
	// Imports lists the import paths of the package's non-test files.
	Imports []string
	// Standard says that the package belongs to the Go distribution.
	Standard bool
	// Module is the path of the module that holds the package; empty for the standard library.
	Module string
}

// Graph holds packages by import path.
type Graph map[string]Package

// reach walks all that the package at path imports, directly or not, and returns for each package reached the chain of
// imports that leads to it, path itself first. Packages of the standard library are end points: what they import is
// theirs. A path that the graph does not hold is an end point too, so that a rule can refuse it (import "C", say).
func (g Graph) reach(path string) map[string][]string {
	chains := map[string][]string{path: {path}}
	queue := []string{path}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if g[at].Standard {
			continue
		}
		for _, next := range g[at].Imports {
			if _, seen := chains[next]; seen {
				continue
			}
			chains[next] = append(slices.Clone(chains[at]), next)
			queue = append(queue, next)
		}
	}
	delete(chains, path)
	return chains
}

// own returns the path of a package relative to the module root, and whether the package belongs to the root module
// at all. A nested module shares the prefix but is another module.
func (g Graph) own(path string) (string, bool) {
	p, ok := g[path]
	if !ok || p.Module != Root {
		return "", false
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, Root), "/"), true
}

// matches reports whether the module-relative path rel is pattern, or, for a pattern that ends in "/...", lies at or
// below it.
func matches(pattern, rel string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return rel == below || strings.HasPrefix(rel, below+"/")
	}
	return rel == pattern
}

// matchesAny reports whether any of the patterns matches rel.
func matchesAny(patterns []string, rel string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, rel) })
}
