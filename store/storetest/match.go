package storetest

import (
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

var matchProofs = []proof{
	{"Match/Patterns", matchPatterns},
	{"Match/Aligned", matchAligned},
	{"Match/Once", matchOnce},
	{"Match/Status", matchStatus},
	{"Match/AfterUpdate", matchAfterUpdate},
	{"Match/Whole", matchWhole},
}

// match returns the ids of the endpoints that match, sorted, by type.
func (t *tester) match(tenant string, types ...string) [][]string {
	t.tb.Helper()
	got, err := t.Store.Match(t.ctx, tenant, types)
	t.noError(err, "Match")
	if len(got) != len(types) {
		t.Fatalf("Match of %d types returned %d lists", len(types), len(got))
	}
	ids := make([][]string, len(got))
	for i, list := range got {
		for _, e := range list {
			ids[i] = append(ids[i], e.ID)
		}
		slices.Sort(ids[i])
	}
	return ids
}

func (t *tester) wantMatch(tenant, eventType string, want ...string) {
	t.tb.Helper()
	slices.Sort(want)
	if got := t.match(tenant, eventType)[0]; !slices.Equal(got, want) {
		t.Errorf("type %q matches %q, want %q", eventType, got, want)
	}
}

// Each endpoint is named after its only pattern. The neighbours are what a
// prefix search, a LIKE, a case-blind or a trimmed comparison would take.
func matchPatterns(t *tester) {
	patterns := []string{
		"*", "invoice", "invoice.*", "invoice.paid", "invoice.item.*", "invoice.item.added",
		"invoices.*", "invoices.paid", "invoice.item.added.*", "invoiceXpaid", "Invoice.paid", "invoice_paid.*", "in.*", "paid",
	}
	id := strings.NewReplacer(".", "-", "*", "all").Replace
	for _, p := range patterns {
		t.endpoint("", id(p), p)
	}
	for eventType, want := range map[string][]string{
		"invoice":                 {"*", "invoice"},
		"invoice.paid":            {"*", "invoice.*", "invoice.paid"},
		"invoice.item":            {"*", "invoice.*"},
		"invoice.item.added":      {"*", "invoice.*", "invoice.item.*", "invoice.item.added"},
		"invoice.item.added.once": {"*", "invoice.*", "invoice.item.*", "invoice.item.added.*"},
		"invoice.items.added":     {"*", "invoice.*"},
		"invoices":                {"*"},
		"invoices.paid":           {"*", "invoices.*", "invoices.paid"},
		"Invoice.paid":            {"*", "Invoice.paid"},
		"invoiceXpaid":            {"*", "invoiceXpaid"},
		"invoice_paid.now":        {"*", "invoice_paid.*"},
		"invoiceXpaid.now":        {"*"},
		"paid.invoice":            {"*"},
		"a.b.c.d.e.f.g.h":         {"*"},
	} {
		ids := make([]string, len(want))
		for i, p := range want {
			ids[i] = id(p)
		}
		t.wantMatch("", eventType, ids...)
	}
}

func matchAligned(t *tester) {
	t.endpoint("", "a", "a")
	t.endpoint("", "b", "b")
	got := t.match("", "b", "none", "a", "b")
	for i, want := range [][]string{{"b"}, nil, {"a"}, {"b"}} {
		if !slices.Equal(got[i], want) {
			t.Errorf("list %d is %q, want %q", i, got[i], want)
		}
	}
}

func matchOnce(t *tester) {
	t.endpoint("", "many", "*", "a.*", "a.b.*", "a.b.c", "a.b.c", "a.b.c.d", "z")
	t.wantMatch("", "a.b.c", "many")
	t.wantMatch("", "a.b", "many")
	for i, got := range t.match("", "a.b.c", "a.b", "a.b.c.d") {
		if !slices.Equal(got, []string{"many"}) {
			t.Errorf("list %d of several types is %q, want the endpoint once", i, got)
		}
	}
	// Naming a pattern twice is naming it once, also when it goes.
	e := t.endpoint("t", "twice", "x", "x", "y.*", "y.*")
	t.wantMatch("t", "x", "twice")
	t.wantMatch("t", "y.z", "twice")
	e.Patterns = []string{"y.*", "z", "z"}
	_, err := t.Store.UpdateEndpoint(t.ctx, e)
	t.noError(err, "UpdateEndpoint")
	t.wantMatch("t", "x")
	t.wantMatch("t", "y.z", "twice")
	t.wantMatch("t", "z", "twice")
	t.remove("t", "twice")
	t.wantMatch("t", "y.z")
	t.wantMatch("t", "z")
}

func matchStatus(t *tester) {
	for _, id := range []string{"active", "paused", "disabled", "deleted", "resumed"} {
		t.endpoint("", id)
	}
	t.status("", "paused", store.EndpointPaused, "")
	t.status("", "disabled", store.EndpointDisabled, "")
	t.status("", "resumed", store.EndpointDisabled, "")
	t.status("", "resumed", store.EndpointActive, "")
	t.remove("", "deleted")
	t.wantMatch("", "x", "active", "paused", "resumed")

	_, err := t.Store.CreateEndpoint(t.ctx, store.Endpoint{ID: "born-disabled", Patterns: []string{"*"}, Status: store.EndpointDisabled})
	t.noError(err, "CreateEndpoint")
	_, err = t.Store.CreateEndpoint(t.ctx, store.Endpoint{ID: "born-paused", Patterns: []string{"*"}, Status: store.EndpointPaused})
	t.noError(err, "CreateEndpoint")
	t.wantMatch("", "x", "active", "paused", "resumed", "born-paused")
}

func matchAfterUpdate(t *tester) {
	e := t.endpoint("", "e", "old", "both", "tree.*")
	t.endpoint("", "other", "old")
	e.Patterns = []string{"new", "both"}
	_, err := t.Store.UpdateEndpoint(t.ctx, e)
	t.noError(err, "UpdateEndpoint")
	t.wantMatch("", "old", "other")
	t.wantMatch("", "tree.x")
	t.wantMatch("", "new", "e")
	t.wantMatch("", "both", "e")
	t.remove("", "e")
	t.wantMatch("", "new")
	t.wantMatch("", "old", "other")
}

func matchWhole(t *tester) {
	want, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint("t", "e"))
	t.noError(err, "CreateEndpoint")
	got, err := t.Store.Match(t.ctx, "t", []string{"invoice.paid"})
	t.noError(err, "Match")
	if len(got) != 1 || len(got[0]) != 1 {
		t.Fatalf("Match returned %v, want one endpoint", got)
	}
	if d := same(got[0][0], want); d != "" {
		t.Errorf("the matched endpoint differs from the one created: %s", d)
	}
}
