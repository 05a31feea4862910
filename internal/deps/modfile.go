package deps

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// ModFile is the part of `go mod edit -json` that the checks read. Field names follow its output.
type ModFile struct {
	Module    ModVersion
	Go        string
	Toolchain string
	Require   []Require
	Exclude   []ModVersion
	Replace   []Replace
	Tool      []Tool
}

// ModVersion is a module path with a version, which is empty where none is given.
type ModVersion struct {
	Path    string
	Version string
}

// Require is one requirement.
type Require struct {
	Path     string
	Version  string
	Indirect bool
}

// Replace is one replace directive.
type Replace struct {
	Old, New ModVersion
}

// Tool is one tool directive.
type Tool struct {
	Path string
}

// RootPolicy says what the published module may require.
type RootPolicy struct {
	// Go lists the accepted forms of the go directive, which is the smallest Go that a host can use.
	Go []string
	// Direct lists patterns of modules that may be required directly.
	Direct []string
	// Banned lists patterns of modules that may not even be required indirectly.
	Banned []string
}

// CheckRoot checks the published module's go.mod: the go directive, no toolchain line, no module that hosts should not
// get, no tool (its requirements would be hosts' floors), and no replace or exclude, which hosts would not see, so that
// the tests here would run against something else than what they build.
func CheckRoot(m ModFile, policy RootPolicy) []string {
	var violations []string
	add := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	if m.Module.Path != Root {
		add("module is %s, not %s", m.Module.Path, Root)
	}
	if !slices.Contains(policy.Go, m.Go) {
		add("go directive is %q, not one of %q", m.Go, policy.Go)
	}
	if m.Toolchain != "" {
		add("toolchain line %s", m.Toolchain)
	}
	for _, r := range m.Require {
		switch {
		case matchesAny(policy.Banned, r.Path):
			add("requires %s, which hosts must not get; what needs it belongs into a nested module", r.Path)
		case strings.HasPrefix(r.Path, Root+"/"):
			add("requires the nested module %s", r.Path)
		case !r.Indirect && !matchesAny(policy.Direct, r.Path):
			add("requires %s, which is not on the list of direct dependencies", r.Path)
		}
	}
	for _, r := range m.Replace {
		add("replaces %s", r.Old.Path)
	}
	for _, e := range m.Exclude {
		add("excludes %s", e.Path)
	}
	for _, t := range m.Tool {
		add("has the tool %s; tools belong into internal/tools", t.Path)
	}
	return violations
}

// Unpublished lists the versions by which nested modules require the root module. None of them was ever tagged, so that
// only the replace directive, which counts in the main module alone, can satisfy it: a nested module cannot be used
// from elsewhere.
var Unpublished = []string{"v0.0.0", "v0.0.0-00010101000000-000000000000"}

// CheckNested checks the go.mod of the nested module in dir (relative to the repository root, slash-separated). Nested
// modules hold what must not become a requirement of hosts; they sit in examples or under internal, are never tagged,
// and see the root module through a replace directive.
func CheckNested(dir string, m ModFile) []string {
	var violations []string
	add := func(format string, args ...any) {
		violations = append(violations, dir+": "+fmt.Sprintf(format, args...))
	}
	if dir != "examples" && !matches("internal/...", dir) {
		add("nested modules belong into examples or internal")
	}
	if want := Root + "/" + dir; m.Module.Path != want {
		add("module is %s, not %s", m.Module.Path, want)
	}
	if m.Toolchain != "" {
		add("toolchain line %s", m.Toolchain)
	}
	for _, r := range m.Require {
		if r.Path != Root && !strings.HasPrefix(r.Path, Root+"/") {
			continue
		}
		if !slices.Contains(Unpublished, r.Version) {
			add("requires %s %s, not one of %q", r.Path, r.Version, Unpublished)
		}
		want := relative(dir, strings.TrimPrefix(strings.TrimPrefix(r.Path, Root), "/"))
		if !slices.Contains(m.Replace, Replace{Old: ModVersion{Path: r.Path}, New: ModVersion{Path: want}}) {
			add("does not replace %s with %s", r.Path, want)
		}
	}
	return violations
}

// relative gives the path from one directory of the repository to another as replace directives write it.
func relative(from, to string) string {
	up := strings.Repeat("../", strings.Count(from, "/")+1)
	return path.Clean(up + to)
}

// CheckNestedPackage checks one package of a nested module: dir is its directory relative to the repository root, name
// its package name. It must be a program, or lie under an internal directory, so that nobody can import it.
func CheckNestedPackage(dir, name string) []string {
	if name == "main" || slices.Contains(strings.Split(dir, "/"), "internal") {
		return nil
	}
	return []string{fmt.Sprintf("%s: package %s can be imported; make it a program or move it under internal", dir, name)}
}

// CheckFiles checks the names of the files under version control. A go.work file would lift the root module's
// dependencies to the versions that the nested modules need, so that its floors were never tested.
func CheckFiles(names []string) []string {
	var violations []string
	for _, name := range names {
		if base := path.Base(name); base == "go.work" || base == "go.work.sum" {
			violations = append(violations, name+" is under version control")
		}
	}
	return violations
}
