package reference

import (
	"slices"
	"strings"
	"testing"
)

// Each page gives the blocks that a reader of it sees.
func TestPages(t *testing.T) {
	api, err := Flight(ProtocolAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []struct {
		name   string
		blocks []Block
		// first are the languages and first lines of the blocks.
		first []string
	}{
		{"Vatly", Fenced(Vatly), []string{
			`json {`, `json {`, `js const signature = req.headers['x-protocol-signature']`,
			`python from flask import request`, `php $signature = $request['headers']['x-protocol-signature'];`}},
		{"Notifly", Objects(Notifly), []string{` {`, ` {`}},
		{"Protocol", Highlighted(Protocol), []string{` {`, ` {`, ` const signature = req.headers['x-protocol-signature']`}},
		{"ProtocolAPI", api, []string{
			`json {`, `json {`, `js const signature = req.headers['x-protocol-signature']`,
			`python from flask import request`, `php $signature = $request['headers']['x-protocol-signature'];`}},
		{"DigiVault", Fenced(DigiVault), []string{
			`json {`, `javascript import crypto from 'crypto';`, `python import hmac`, `php <?php`,
			`javascript const processedEvents = new Set();`, `json {`}},
	} {
		var first []string
		for _, b := range page.blocks {
			line, _, _ := strings.Cut(b.Code, "\n")
			first = append(first, b.Language+" "+line)
		}
		if !slices.Equal(first, page.first) {
			t.Errorf("%s: blocks that begin with %q, want %q", page.name, first, page.first)
		}
	}
	js, err := Between(Notifly, "Verifying a request", "If your generated signature")
	if err != nil {
		t.Fatal(err)
	}
	// But for the header's name the two pages have one snippet in three forms.
	same := strings.ReplaceAll(js.Code, "x-notifly-signature", "x-protocol-signature")
	for _, block := range []Block{Highlighted(Protocol)[2], api[2], Fenced(Vatly)[2]} {
		if block.Code != same {
			t.Errorf("snippet\n%swant\n%s", block.Code, same)
		}
	}
}

// The data of a server component holds each block twice, as code and as the
// highlighter's markup; both must come to the same.
func TestFlightHoldsEachBlockTwice(t *testing.T) {
	blocks, err := Flight(ProtocolAPI)
	if err != nil {
		t.Fatal(err)
	}
	f := flight{values: map[string]any{}, names: map[string]string{}}
	var markup []string
	for rest := ProtocolAPI; rest != ""; {
		if rest, err = f.row(rest); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range f.values {
		if text, ok := v.(string); ok && strings.HasPrefix(text, "<span>") {
			markup = append(markup, strings.TrimRight(plain(text), "\n")+"\n")
		}
	}
	var code []string
	for _, b := range blocks {
		code = append(code, b.Code)
	}
	slices.Sort(markup)
	slices.Sort(code)
	if len(code) != 5 || !slices.Equal(code, markup) {
		t.Errorf("%d blocks of code and %d of markup differ:\n%q\n%q", len(code), len(markup), code, markup)
	}
}

func TestFlightErrors(t *testing.T) {
	for data, want := range map[string]string{
		"":                    "no row 0",
		"1:[]\n":              "no row 0",
		"garbage":             "begins with",
		"0:{\n":               "row 0",
		"0:Tzz,abc":           "length",
		"0:T9,abc":            "length",
		"0:HI[]\n":            "unknown kind",
		"0:[]\n1:\"$\x00\"\n": "row 1",
	} {
		if _, err := Flight(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", data, err, want)
		}
	}
}

// Rows that refer to each other in a circle end.
func TestFlightCircle(t *testing.T) {
	blocks, err := Flight("2:I[1,[],\"Pre\"]\n1:[\"$0\",[\"$\",\"$L2\",null,{\"code\":\"$$x\",\"language\":\"php\"}]]\n0:[\"$1\",\"$1\"]\n")
	if want := []Block{{Language: "php", Code: "$x"}}; err != nil || !slices.Equal(blocks, want) {
		t.Errorf("%v, %v; want %v", blocks, err, want)
	}
}

func TestOnlyAndBetween(t *testing.T) {
	blocks := []Block{{Code: "one\n"}, {Code: "one two\n"}}
	if b, err := Only(blocks, "two"); err != nil || b != blocks[1] {
		t.Errorf("%v, %v", b, err)
	}
	for _, text := range []string{"one", "three"} {
		if b, err := Only(blocks, text); err == nil {
			t.Errorf("%q gave %v", text, b)
		}
	}
	for _, test := range []struct{ from, to string }{{"X", "B"}, {"A", "X"}, {"B", "A"}} {
		if b, err := Between("\nA\n\ncode\n\nB\n", test.from, test.to); err == nil {
			t.Errorf("%v gave %q", test, b.Code)
		}
	}
	if b, err := Between("\nA title\n\ncode\n\ncode\n\nB\n", "A", "B"); err != nil || b.Code != "code\n\ncode\n" {
		t.Errorf("%q, %v", b.Code, err)
	}
}
