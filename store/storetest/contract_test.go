package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestContractIsCovered compares the table with the comments of package store,
// word by word: a comment that changes fails here until the table, and with it
// the tests that it names, were looked at.
func TestContractIsCovered(t *testing.T) {
	comments := storeComments(t)
	table := make(map[string]string)
	for _, s := range contract {
		if _, ok := table[s.of]; ok {
			t.Errorf("the table has %s twice", s.of)
		}
		var sentences []string
		for _, r := range s.rules {
			sentences = append(sentences, r.sentence)
		}
		table[s.of] = strings.Join(sentences, " ")
	}
	for of, comment := range comments {
		if got, ok := table[of]; !ok {
			t.Errorf("%s is not in the table; its comment is:\n\t%s", of, comment)
		} else if got != comment {
			t.Errorf("the comment of %s changed; it is\n\t%s\nthe table has\n\t%s", of, comment, got)
		}
	}
	for of := range table {
		if _, ok := comments[of]; !ok {
			t.Errorf("the table has %s, which has no comment in package store", of)
		}
	}
}

// TestRulesAndTestsMeet holds that each sentence is proved by tests that exist,
// or says why not, and that each test stands for a sentence.
func TestRulesAndTestsMeet(t *testing.T) {
	for _, s := range contract {
		for _, r := range s.rules {
			if (len(r.tests) == 0) == (r.why == "") {
				t.Errorf("%s: %q has %d tests and the reason %q", s.of, r.sentence, len(r.tests), r.why)
			}
			for i, test := range r.tests {
				if !slices.Contains(Tests(), test) {
					t.Errorf("%s: %q names the test %s, which does not exist", s.of, r.sentence, test)
				}
				if slices.Contains(r.tests[:i], test) {
					t.Errorf("%s: %q names the test %s twice", s.of, r.sentence, test)
				}
			}
		}
	}
	seen := make(map[string]bool)
	for _, test := range Tests() {
		if seen[test] {
			t.Errorf("there are two tests %s", test)
		}
		seen[test] = true
		if strings.Count(test, "/") != 1 {
			t.Errorf("the test %q is not named Part/Rule", test)
		}
		if len(Rules(test)) == 0 {
			t.Errorf("the test %s proves no sentence of the contract", test)
		}
	}
}

// storeComments returns the doc comments of package store's exported
// identifiers, methods and fields included, without line breaks and headings.
// Methods with a body are left out: they are not a store's.
func storeComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("package store: %d files, %v", len(files), err)
	}
	comments := make(map[string]string)
	note := func(of string, groups ...*ast.CommentGroup) {
		for _, g := range groups {
			if g != nil {
				comments[of] = plain(g.Text())
				return
			}
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		note("store", file.Doc)
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() {
					note(d.Name.Name, d.Doc)
				}
			case *ast.GenDecl:
				noteDecl(note, d)
			}
		}
	}
	return comments
}

func noteDecl(note func(string, ...*ast.CommentGroup), d *ast.GenDecl) {
	for i, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			if i == 0 && d.Lparen.IsValid() {
				note(d.Tok.String()+" "+s.Names[0].Name, d.Doc)
			}
			if s.Names[0].IsExported() {
				note(s.Names[0].Name, s.Doc, s.Comment)
			}
		case *ast.TypeSpec:
			note(s.Name.Name, s.Doc, d.Doc)
			var fields *ast.FieldList
			switch t := s.Type.(type) {
			case *ast.StructType:
				fields = t.Fields
			case *ast.InterfaceType:
				fields = t.Methods
			}
			if fields == nil {
				continue
			}
			for _, f := range fields.List {
				if len(f.Names) > 0 {
					note(s.Name.Name+"."+f.Names[0].Name, f.Doc, f.Comment)
				}
			}
		}
	}
}

// plain takes headings and line breaks from a comment.
func plain(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(line, "# ") })
	return strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
}
