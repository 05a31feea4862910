// Package reference holds the published webhook pages of five products, as they
// were found, and takes code out of them. Nothing in them was retyped or
// mended: a snippet that the examples run is cut out of its page when they run.
package reference

import (
	_ "embed" // for the pages
	"fmt"
	"html"
	"regexp"
	"strings"
)

// The pages. Their forms differ: Markdown with fences, plain text, text with
// highlighted HTML, Markdown with tabs, and the data from which a React server
// component is rendered.
var (
	//go:embed testdata/vatly.md
	Vatly string
	//go:embed testdata/notifly.txt
	Notifly string
	//go:embed testdata/protocol.txt
	Protocol string
	//go:embed testdata/protocol-api.txt
	ProtocolAPI string
	//go:embed testdata/digivault.md
	DigiVault string
)

// Block is a piece of code on a page.
type Block struct {
	// Language is as the page names it, "" if it does not.
	Language string
	// Title is "" if the page gives none.
	Title string
	// Code ends with a newline.
	Code string
}

// Only returns the one block that contains text, and an error if there are none
// or several.
func Only(blocks []Block, text string) (Block, error) {
	var found []Block
	for _, b := range blocks {
		if strings.Contains(b.Code, text) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		return Block{}, fmt.Errorf("%d of %d blocks on the page contain %q", len(found), len(blocks), text)
	}
	return found[0], nil
}

var fence = regexp.MustCompile("^( *)```([a-z]*) *(.*)$")

// Fenced returns the blocks between ``` fences. A fence may be indented, as in a
// tab of MkDocs; the indentation is no part of the code.
func Fenced(page string) []Block {
	var blocks []Block
	var open *Block
	indent := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		m := fence.FindStringSubmatch(line)
		switch {
		case open == nil && m != nil:
			indent = m[1]
			open = &Block{Language: m[2], Title: m[3]}
		case open != nil && m != nil && m[1] == indent && m[2] == "":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Code += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return blocks
}

var tag = regexp.MustCompile(`<[^>]*>`)

// Highlighted returns the blocks that are runs of lines in <span> elements, the
// output of a syntax highlighter, as the text that a browser shows.
func Highlighted(page string) []Block {
	var blocks []Block
	code := ""
	for line := range strings.Lines(page + "\n") {
		if strings.HasPrefix(line, "<span>") {
			code += plain(line)
			continue
		}
		if code != "" {
			blocks = append(blocks, Block{Code: strings.TrimRight(code, "\n") + "\n"})
		}
		code = ""
	}
	return blocks
}

func plain(markup string) string {
	return html.UnescapeString(tag.ReplaceAllString(markup, ""))
}

// Objects returns the JSON objects on a page of plain text: what stands between
// a line "{" and the next line "}".
func Objects(page string) []Block {
	var blocks []Block
	code := ""
	for line := range strings.Lines(page) {
		if code != "" || line == "{\n" {
			code += line
		}
		if code != "" && line == "}\n" {
			blocks = append(blocks, Block{Code: code})
			code = ""
		}
	}
	return blocks
}

// Between returns the text between the lines that begin with from and to,
// without the blank lines around it.
func Between(page, from, to string) (Block, error) {
	_, rest, ok := strings.Cut(page, "\n"+from)
	if !ok {
		return Block{}, fmt.Errorf("no line of the page begins with %q", from)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	code, _, ok := strings.Cut(rest, "\n"+to)
	if !ok {
		return Block{}, fmt.Errorf("no line of the page after %q begins with %q", from, to)
	}
	return Block{Code: strings.Trim(code, "\n") + "\n"}, nil
}
