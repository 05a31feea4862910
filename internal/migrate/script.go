package migrate

import (
	"regexp"
	"slices"
	"strings"
)

// Forward returns the statements of a version and those that note it, for a tool
// that runs them by itself.
func (t Tables) Forward(v Version) []string {
	texts := slices.Concat(v.Statements, t.Record(v))
	if t.Dialect == "mysql" {
		// Where statements commit by themselves, what failed half way is done again.
		for i, text := range texts {
			texts[i] = ifNotExists(text)
		}
	}
	return texts
}

var creates = regexp.MustCompile(`^CREATE (TABLE|SEQUENCE) (\{\w+\})`)

// Back returns statements that drop what a version has created, the last first.
func (t Tables) Back(v Version) []string {
	var texts []string
	for _, text := range slices.Backward(v.Statements) {
		if m := creates.FindStringSubmatch(text); m != nil {
			texts = append(texts, strings.Join([]string{"DROP", m[1], m[2]}, " "))
		}
	}
	return texts
}
