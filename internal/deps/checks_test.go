package deps_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/internal/deps"
)

// graph builds an import graph from lines of the form "importer: imported imported". A name without a dot in its first
// element is of the standard library; one that starts with "./" of the root module; one that starts with "//" is left
// out of the graph; of any other the module is its first three elements.
func graph(lines ...string) deps.Graph {
	g := deps.Graph{}
	add := func(name string) string {
		first, _, _ := strings.Cut(name, "/")
		p := deps.Package{Path: name}
		switch {
		case strings.HasPrefix(name, "//"):
			return name
		case first == ".":
			p.Path, p.Module = deps.Root+name[1:], deps.Root
		case strings.Contains(first, "."):
			parts := strings.Split(name, "/")
			p.Module = strings.Join(parts[:min(3, len(parts))], "/")
		default:
			p.Standard = true
		}
		if _, ok := g[p.Path]; !ok {
			g[p.Path] = p
		}
		return p.Path
	}
	for _, line := range lines {
		from, imports, _ := strings.Cut(line, ":")
		p := g[add(from)]
		for name := range strings.FieldsSeq(imports) {
			p.Imports = append(p.Imports, add(name))
		}
		g[p.Path] = p
	}
	return g
}

func TestGraphRules(t *testing.T) {
	engine := deps.Only{Package: "engine", Own: []string{"store", "internal/..."}, Modules: []string{"example.com/a/b"}}
	tests := []struct {
		name  string
		rule  deps.Rule
		graph deps.Graph
		want  []string // a part of each violation, in order
	}{
		{"standard library alone", deps.Only{Package: "store"}, graph("./store: time net/http"), nil},
		{"no such package", deps.Only{Package: "store"}, graph("./signer: time"), []string{"store: no such package"}},
		{
			"own package not listed", deps.Only{Package: "store"}, graph("./store: ./internal/ids"),
			[]string{"store may not depend on internal/ids"},
		},
		{
			"third-party module not listed", deps.Only{Package: "store"}, graph("./store: example.com/x/y/z"),
			[]string{"store may not depend on module example.com/x/y:"},
		},
		{
			"cgo", deps.Only{Package: "store"}, graph("./store: //C"),
			[]string{"store imports " + deps.Root + "/store → //C, which is no Go package"},
		},
		{
			"through another package, with the chain", deps.Only{Package: "suite", Own: []string{"store"}},
			graph("./suite: ./store", "./store: example.com/x/y"),
			[]string{"example.com/x/y: " + deps.Root + "/suite → " + deps.Root + "/store → example.com/x/y"},
		},
		{
			"through a listed third-party module", engine,
			graph("./engine: example.com/a/b", "example.com/a/b: example.com/c/d"),
			[]string{"engine may not depend on module example.com/c/d"},
		},
		{
			"all that is listed", engine,
			graph("./engine: ./store ./internal/ids/short", "./internal/ids/short: example.com/a/b/sub"), nil,
		},
		{
			"listed module not reached", engine, graph("./engine: ./store"),
			[]string{"engine is said to depend on module example.com/a/b and does not"},
		},
		{
			"prefix of a listed directory is not the directory", engine,
			graph("./engine: ./internals ./store/suite example.com/a/b"),
			[]string{"engine may not depend on internals", "engine may not depend on store/suite"},
		},
		{"what the standard library imports is its own", deps.Only{Package: "store"}, graph("./store: net", "net: //C"), nil},

		{
			"children apart", deps.Isolated{Dir: "adapters"},
			graph("./adapters/a: ./store ./adapters/a/internal/x", "./adapters/b: ./store"), nil,
		},
		{
			"child imports its sibling", deps.Isolated{Dir: "adapters"}, graph("./adapters/a: ./adapters/b"),
			[]string{"adapters/a may not depend on adapters/b"},
		},
		{
			"child imports its sibling's package through another one", deps.Isolated{Dir: "adapters"},
			graph("./adapters/a/sub: ./internal/x", "./internal/x: ./adapters/b/sub"),
			[]string{"adapters/a may not depend on adapters/b: " + deps.Root + "/adapters/a/sub → "},
		},

		{
			"top layer", deps.Above{Dir: "adapters"},
			graph("./adapters/a: ./engine", "./adapters/b: ./adapters/a", "./engine: ./store ./adaptersx"), nil,
		},
		{
			"layer below imports the top", deps.Above{Dir: "adapters"},
			graph("./engine: ./internal/x", "./internal/x: ./adapters/a"),
			[]string{"engine may not depend on adapters/a", "internal/x may not depend on adapters/a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.rule.Check(tt.graph), tt.want)
		})
	}
}

// TestRulesCanFail breaks each rule of the table by one import and expects the rule to say so.
func TestRulesCanFail(t *testing.T) {
	broken := map[string]deps.Graph{
		"store":           graph("./store: ./signer"),
		"storetest":       graph("./store/storetest: ./store ./signer"),
		"signer":          graph("./signer: ./store"),
		"dispatcher":      graph("./dispatcher: ./store code.dny.dev/ssrf github.com/cenkalti/backoff/v4 example.com/x"),
		"dispatchertest":  graph("./dispatcher/dispatchertest: ./dispatcher", "./dispatcher: example.com/x"),
		"memstore":        graph("./adapters/memstore: ./store ./internal/ids"),
		"jsonschema":      graph("./adapters/jsonschema: ./dispatcher example.com/x"),
		"adapters apart":  graph("./adapters/httpapi: ./adapters/memstore"),
		"adapters on top": graph("./dispatcher: ./adapters/memstore"),
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			g, ok := broken[r.name]
			if !ok {
				t.Fatal("no graph here breaks the rule")
			}
			violations := r.Check(g)
			if !slices.ContainsFunc(violations, func(v string) bool { return strings.Contains(v, "may not depend on") }) {
				t.Errorf("the rule holds on a graph that breaks it; it says %q", violations)
			}
		})
	}
}

func TestCheckRoot(t *testing.T) {
	sound := func() deps.ModFile {
		return deps.ModFile{
			Module: deps.ModVersion{Path: deps.Root},
			Go:     "1.25",
			Require: []deps.Require{
				{Path: "gorm.io/gorm", Version: "v1.25.0"},
				{Path: "go.opentelemetry.io/otel/trace", Version: "v1.20.0"},
				{Path: "github.com/jinzhu/now", Version: "v1.1.5", Indirect: true},
			},
		}
	}
	require := func(path string, indirect bool) func(*deps.ModFile) {
		return func(m *deps.ModFile) {
			m.Require = append(m.Require, deps.Require{Path: path, Version: "v1.0.0", Indirect: indirect})
		}
	}
	tests := []struct {
		name   string
		change func(*deps.ModFile)
		want   []string
	}{
		{"sound", func(*deps.ModFile) {}, nil},
		{"patch form of the go directive", func(m *deps.ModFile) { m.Go = "1.25.0" }, nil},
		{"newer Go", func(m *deps.ModFile) { m.Go = "1.26" }, []string{`go directive is "1.26"`}},
		{"higher patch of Go", func(m *deps.ModFile) { m.Go = "1.25.4" }, []string{`go directive is "1.25.4"`}},
		{"no go directive", func(m *deps.ModFile) { m.Go = "" }, []string{`go directive is ""`}},
		{"toolchain", func(m *deps.ModFile) { m.Toolchain = "go1.26.0" }, []string{"toolchain line go1.26.0"}},
		{"renamed", func(m *deps.ModFile) { m.Module.Path = "example.com/x" }, []string{"module is example.com/x"}},
		{"SQL driver", require("github.com/jackc/pgx/v5", false), []string{"requires github.com/jackc/pgx/v5, which hosts must not get"}},
		{"SQL driver, indirect", require("github.com/mattn/go-sqlite3", true), []string{"requires github.com/mattn/go-sqlite3"}},
		{"GORM dialect", require("gorm.io/driver/postgres", false), []string{"requires gorm.io/driver/postgres"}},
		{"containers", require("github.com/testcontainers/testcontainers-go", true), []string{"requires github.com/testcontainers/"}},
		{"unknown direct dependency", require("example.com/x", false), []string{"example.com/x, which is not on the list"}},
		{"unknown indirect dependency", require("example.com/x", true), nil},
		{"nested module", require(deps.Root+"/internal/bench", true), []string{"requires the nested module"}},
		{"replace", func(m *deps.ModFile) {
			m.Replace = []deps.Replace{{Old: deps.ModVersion{Path: "gorm.io/gorm"}, New: deps.ModVersion{Path: "../gorm"}}}
		}, []string{"replaces gorm.io/gorm"}},
		{"exclude", func(m *deps.ModFile) { m.Exclude = []deps.ModVersion{{Path: "gorm.io/gorm"}} }, []string{"excludes gorm.io/gorm"}},
		{"tool", func(m *deps.ModFile) { m.Tool = []deps.Tool{{Path: "example.com/x"}} }, []string{"has the tool example.com/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := sound()
			tt.change(&m)
			compare(t, deps.CheckRoot(m, rootPolicy), tt.want)
		})
	}
}

func TestCheckNested(t *testing.T) {
	module := func(dir, version, replacement string) deps.ModFile {
		return deps.ModFile{
			Module:  deps.ModVersion{Path: deps.Root + "/" + dir},
			Go:      "1.26",
			Require: []deps.Require{{Path: deps.Root, Version: version}},
			Replace: []deps.Replace{{Old: deps.ModVersion{Path: deps.Root}, New: deps.ModVersion{Path: replacement}}},
		}
	}
	tests := []struct {
		name string
		dir  string
		mod  deps.ModFile
		want []string
	}{
		{"below internal", "internal/bench", module("internal/bench", "v0.0.0", "../.."), nil},
		{"examples", "examples", module("examples", "v0.0.0-00010101000000-000000000000", ".."), nil},
		{
			"does not need the root", "internal/tools",
			deps.ModFile{Module: deps.ModVersion{Path: deps.Root + "/internal/tools"}}, nil,
		},
		{
			"public", "adapters/gormstore", module("adapters/gormstore", "v0.0.0", "../.."),
			[]string{"belong into examples or internal"},
		},
		{"named after another place", "internal/bench", module("bench", "v0.0.0", "../.."), []string{"module is"}},
		{"published version", "internal/bench", module("internal/bench", "v1.2.0", "../.."), []string{"requires"}},
		{"replaced by another place", "internal/bench", module("internal/bench", "v0.0.0", ".."), []string{"does not replace"}},
		{
			"not replaced", "examples",
			deps.ModFile{
				Module:  deps.ModVersion{Path: deps.Root + "/examples"},
				Require: []deps.Require{{Path: deps.Root, Version: "v0.0.0"}},
			},
			[]string{"does not replace " + deps.Root + " with .."},
		},
		{
			"another nested module not replaced", "internal/integration",
			func() deps.ModFile {
				m := module("internal/integration", "v0.0.0", "../..")
				m.Require = append(m.Require, deps.Require{Path: deps.Root + "/examples", Version: "v0.0.0"})
				return m
			}(),
			[]string{"does not replace " + deps.Root + "/examples with ../../examples"},
		},
		{
			"toolchain", "examples",
			func() deps.ModFile { m := module("examples", "v0.0.0", ".."); m.Toolchain = "go1.26.0"; return m }(),
			[]string{"toolchain line"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, deps.CheckNested(tt.dir, tt.mod), tt.want)
		})
	}
}

func TestCheckNestedPackage(t *testing.T) {
	tests := []struct {
		dir, name string
		want      []string
	}{
		{"examples/demo", "main", nil},
		{"examples/internal/receiver", "receiver", nil},
		{"internal/bench/load", "load", nil},
		{"examples/receiver", "receiver", []string{"can be imported"}},
		{"examples/internals", "internals", []string{"can be imported"}},
	}
	for _, tt := range tests {
		t.Run(tt.dir, func(t *testing.T) {
			compare(t, deps.CheckNestedPackage(tt.dir, tt.name), tt.want)
		})
	}
}

func TestCheckFiles(t *testing.T) {
	names := []string{"go.mod", "docs/go.work.md", "go.work", "internal/bench/go.work", "go.work.sum", ""}
	want := []string{"go.work is", "internal/bench/go.work is", "go.work.sum is"}
	compare(t, deps.CheckFiles(names), want)
}

// compare expects one violation per part, each of which contains its part.
func compare(t *testing.T, got, parts []string) {
	t.Helper()
	if len(got) != len(parts) {
		t.Fatalf("got %d violations %q, want %d with %q", len(got), got, len(parts), parts)
	}
	for i, part := range parts {
		if !strings.Contains(got[i], part) {
			t.Errorf("violation %q does not contain %q", got[i], part)
		}
	}
}
