package deps_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/internal/deps"
)

// TestImportGraph checks the rules against the packages as they are, once per operating system, because build
// constraints can hide an import.
func TestImportGraph(t *testing.T) {
	root := repositoryRoot(t)
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			g := importGraph(t, root, goos)
			for _, r := range rules {
				t.Run(r.name, func(t *testing.T) {
					if only, ok := r.Rule.(deps.Only); ok && slices.Contains(notYet, only.Package) {
						if _, exists := g[deps.Root+"/"+only.Package]; exists {
							t.Errorf("%s exists: take it off the notYet list", only.Package)
						}
						return
					}
					for _, violation := range r.Check(g) {
						t.Errorf("%s\n(the rule is there because %s)", violation, r.why)
					}
				})
			}
		})
	}
}

// TestNotYetIsUsed refuses names on the notYet list that no rule asks for.
func TestNotYetIsUsed(t *testing.T) {
	for _, pkg := range notYet {
		used := slices.ContainsFunc(rules, func(r rule) bool {
			only, ok := r.Rule.(deps.Only)
			return ok && only.Package == pkg
		})
		if !used {
			t.Errorf("no rule is about %s", pkg)
		}
	}
}

// TestRootModule checks the published module's go.mod.
func TestRootModule(t *testing.T) {
	for _, violation := range deps.CheckRoot(modFile(t, repositoryRoot(t), "."), rootPolicy) {
		t.Error(violation)
	}
}

// TestNestedModules checks the go.mod files and the packages of all other modules.
func TestNestedModules(t *testing.T) {
	root := repositoryRoot(t)
	dirs := nestedModules(t, root)
	if !slices.Contains(dirs, "internal/tools") {
		t.Fatalf("internal/tools is not among the nested modules %q: the search for them is broken", dirs)
	}
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			for _, violation := range deps.CheckNested(dir, modFile(t, root, dir)) {
				t.Error(violation)
			}
			for pkgDir, name := range packageNames(t, root, dir, dirs) {
				for _, violation := range deps.CheckNestedPackage(pkgDir, name) {
					t.Error(violation)
				}
			}
		})
	}
}

// TestNoWorkspace checks that no go.work is under version control.
func TestNoWorkspace(t *testing.T) {
	for _, violation := range deps.CheckFiles(versionedFiles(t, repositoryRoot(t))) {
		t.Error(violation)
	}
}

// repositoryRoot returns the directory of the root module.
func repositoryRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// run runs a command in dir and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	// A go.work of the developer's own must not change what is seen.
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// importGraph lists the packages of the root module for the operating system, with all that they depend on.
func importGraph(t *testing.T, root, goos string) deps.Graph {
	t.Helper()
	out, err := run(t, root, []string{"GOOS=" + goos, "CGO_ENABLED=0"},
		"go", "list", "-e", "-deps", "-json=ImportPath,Imports,Standard,Module,Error", "./...")
	if err != nil {
		t.Fatal(err)
	}
	g := deps.Graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
			Module     *struct{ Path string }
			Error      *struct{ Err string }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Errorf("%s cannot be read: %s", p.ImportPath, p.Error.Err)
		}
		pkg := deps.Package{Path: p.ImportPath, Imports: p.Imports, Standard: p.Standard}
		if p.Module != nil {
			pkg.Module = p.Module.Path
		}
		g[p.ImportPath] = pkg
	}
	return g
}

// modFile reads the go.mod in dir.
func modFile(t *testing.T, root, dir string) deps.ModFile {
	t.Helper()
	out, err := run(t, root, nil, "go", "mod", "edit", "-json", filepath.Join(root, dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var m deps.ModFile
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// sourceFiles returns the paths of the repository's files relative to its root, without hidden directories and
// testdata.
func sourceFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// nestedModules returns the directories of all modules but the root.
func nestedModules(t *testing.T, root string) []string {
	t.Helper()
	var dirs []string
	for _, name := range sourceFiles(t, root) {
		if dir, base := path.Split(name); base == "go.mod" && dir != "" {
			dirs = append(dirs, path.Clean(dir))
		}
	}
	return dirs
}

// packageNames returns the name of the package in each directory of the module in dir, from files that are not tests.
func packageNames(t *testing.T, root, dir string, modules []string) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, name := range sourceFiles(t, filepath.Join(root, dir)) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		at := path.Join(dir, path.Dir(name))
		if slices.ContainsFunc(modules, func(m string) bool {
			return m != dir && strings.HasPrefix(m, dir+"/") && strings.HasPrefix(at+"/", m+"/")
		}) {
			continue // of a module inside this one
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, dir, name), nil, parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		names[at] = f.Name.Name
	}
	return names
}

// versionedFiles returns the files that git tracks; in a copy without git, where there is nothing to commit, all files.
func versionedFiles(t *testing.T, root string) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); errors.Is(err, fs.ErrNotExist) {
		return sourceFiles(t, root)
	}
	out, err := run(t, root, nil, "git", "-c", "safe.directory=*", "ls-files", "-z")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(out), "\x00")
}
