// Package migrate brings the tables of a SQL store to the newest version that
// the library knows: numbered files, each of which takes the tables from one
// version to the next, and a table of names and values that says how far they
// are.
package migrate

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Version is one step of the schema.
type Version struct {
	Number int
	// Name is what the file is called after its number.
	Name string
	// Compatible is the lowest version that a library must know to work on
	// tables of this one. A version that only adds what older libraries pass
	// over keeps the number of its predecessor, so that a deployment can go
	// forward process by process.
	Compatible int
	// Statements are as they stand in the file, without comments and the
	// semicolon.
	Statements []string
}

var (
	fileName   = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)
	compatible = regexp.MustCompile(`(?m)^-- compatible: (\d+)$`)
)

// Read reads files 0001_name.sql, 0002_name.sql … of a folder. A file says, in a
// line "-- compatible: N", which version a library must know at least. Comments
// have lines of their own, and a statement ends with a semicolon at the end of a
// line.
func Read(fsys fs.FS) ([]Version, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	var versions []Version
	for _, e := range entries {
		name := fileName.FindStringSubmatch(e.Name())
		if name == nil {
			return nil, fmt.Errorf("migrations: %s: a file must be named like 0001_init.sql", e.Name())
		}
		text, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("migrations: %w", err)
		}
		c := compatible.FindSubmatch(text)
		if c == nil {
			return nil, fmt.Errorf("migrations: %s: there is no line -- compatible: N", e.Name())
		}
		v := Version{Name: name[2], Statements: split(string(text))}
		v.Number, _ = strconv.Atoi(name[1])
		v.Compatible, _ = strconv.Atoi(string(c[1]))
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b Version) int { return a.Number - b.Number })
	for i, v := range versions {
		if v.Number != i+1 {
			return nil, fmt.Errorf("migrations: %04d is missing or there twice", i+1)
		}
		if v.Compatible < 1 || v.Compatible > v.Number || i > 0 && v.Compatible < versions[i-1].Compatible {
			return nil, fmt.Errorf("migrations: %04d: compatible: %d must be from 1 to the number, and not below the file before", v.Number, v.Compatible)
		}
	}
	return versions, nil
}

func split(text string) []string {
	var statements []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		b.WriteString(line)
		if statement, ok := strings.CutSuffix(strings.TrimSpace(b.String()), ";"); ok {
			statements = append(statements, statement)
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		statements = append(statements, rest)
	}
	return statements
}
