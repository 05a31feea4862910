package receiver

import (
	"fmt"
	"strings"
)

// Snippet is receiver code as a product publishes it, with what it takes to run
// it.
type Snippet struct {
	// Code is what the product's page has, to the byte.
	Code string
	// Host is the program around it.
	Host Host
	// Insertions are put into the code. Nothing is ever taken out of it or
	// changed.
	Insertions []Insertion
}

// Insertion is text that is put into a snippet.
type Insertion struct {
	// Anchor is the text of the snippet that the insertion goes by; it must occur
	// exactly once. "" is the very beginning.
	Anchor string
	// Before and After are put before and after the anchor.
	Before, After string
	// Why says what the snippet lacks.
	Why string
}

// Source returns the snippet with its insertions.
func (s Snippet) Source() (string, error) {
	source := s.Code
	for _, in := range s.Insertions {
		if in.Anchor == "" {
			source = in.Before + in.After + source
			continue
		}
		if n := strings.Count(s.Code, in.Anchor); n != 1 {
			return "", fmt.Errorf("the snippet has %q %d times, not once", in.Anchor, n)
		}
		source = strings.Replace(source, in.Anchor, in.Before+in.Anchor+in.After, 1)
	}
	return source, nil
}

// Most pages show bare statements, which leave what follows from the outcome to
// a comment. These insertions let them tell it to their host.
var (
	JavaScriptOutcome = []Insertion{
		{Anchor: "// Request is verified", After: "\n  verified()", Why: "it does nothing with the outcome"},
		{Anchor: "// Request could not be verified", After: "\n  refused()", Why: "it does nothing with the outcome"},
	}
	PHPOutcome = []Insertion{
		{Before: "<?php\n", Why: "it has no opening tag"},
		{Anchor: "// Request is verified", After: "\n  verified();", Why: "it does nothing with the outcome"},
		{Anchor: "// Request could not be verified", After: "\n  refused();", Why: "it does nothing with the outcome"},
	}
	PythonOutcome = []Insertion{
		{Anchor: "# Request is verified", After: "\n    verified()", Why: "a block of Python needs a statement"},
		{Anchor: "# Request could not be verified", After: "\n    refused()", Why: "a block of Python needs a statement"},
	}
	// PythonOutcomeSlashed is for a page whose Python has comments of another
	// language.
	PythonOutcomeSlashed = []Insertion{
		{Anchor: "// Request is verified", Before: "# ", After: "\n    verified()",
			Why: `"//" is no comment in Python, and a block needs a statement`},
		{Anchor: "// Request could not be verified", Before: "# ", After: "\n    refused()",
			Why: `"//" is no comment in Python, and a block needs a statement`},
	}
)
