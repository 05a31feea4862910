// Package examples_test holds what README.md shows to the compiler.
package examples_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What the README leaves to its readers' imagination.
const around = `package readme

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

type invoiceOrOrder struct{ ID int }

func _(
	ctx context.Context, invoice, order invoiceOrOrder, db *gorm.DB, keys dispatcher.Keyring,
	secret signer.Secret, mux *http.ServeMux, handler http.Handler,
) {
%s
}
`

var snippet = regexp.MustCompile("(?s)```go\n(.*?)```")

func TestReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := snippet.FindAllSubmatch(readme, -1)
	if len(snippets) == 0 {
		t.Fatal("README.md shows no Go")
	}
	packages := exports(t)
	for i, s := range snippets {
		for _, err := range check(packages, string(s[1])) {
			t.Errorf("snippet %d: %v", i+1, err)
		}
	}
	// The check sees what is wrong.
	if len(check(packages, `hooks := dispatcher.New(memstore.New())`)) == 0 {
		t.Error("a call that does not compile passed")
	}
}

// check returns why a snippet does not compile. Variables that it does not use are
// no reason.
func check(packages importer.Lookup, text string) []error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "snippet", fmt.Sprintf(around, strings.ReplaceAll(text, "…", "")), 0)
	if err != nil {
		return []error{err}
	}
	var errs []error
	config := types.Config{
		Importer: importer.ForCompiler(fset, "gc", packages),
		Error: func(err error) {
			if e, ok := err.(types.Error); !ok || !e.Soft {
				errs = append(errs, err)
			}
		},
	}
	_, _ = config.Check("readme", fset, []*ast.File{file}, nil)
	return errs
}

// exports compiles what snippets import and finds what the compiler tells of each
// package.
func exports(t *testing.T) importer.Lookup {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}",
		"net/http", "github.com/postrider/postrider/dispatcher", "github.com/postrider/postrider/signer",
		"github.com/postrider/postrider/adapters/gormstore", "github.com/postrider/postrider/adapters/memstore")
	var complaints bytes.Buffer
	list.Stderr = &complaints
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", list, err, complaints.Bytes())
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}
