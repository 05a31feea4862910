package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The demonstration ends well, soon, and shows what it is there for.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out strings.Builder
	if err := run(ctx, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`invoice\.paid +msg_\w+  to Billing and Audit|to Audit and Billing`,
		`invoice\.paid +msg_\w+  again, under the same key`,
		`customer\.joined +msg_\w+  to Audit\n`,
		`1 +[\d:.]+ +503 +http_status .* overloaded +[1-9]\.\d s later`,
		`2 +[\d:.]+ +- +timeout .* no response within 1s +\d\.\d s later`,
		`3 +[\d:.]+ +200 +ok .* verified \d+ bytes`,
		`Audit +0 +2 +0 +0`,
		`all +0 +3 +0 +0`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s does not match\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "whsec_") {
		t.Error("a secret was printed")
	}
}
