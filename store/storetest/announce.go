package storetest

import (
	"maps"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var announceProofs = []proof{
	{"Announcer/Others", announceOthers},
	{"Announcer/Life", announceLife},
}

// announce announces through the tester's store and returns the others' names.
func (t *tester) announce(process string, life time.Duration, options map[string]string) []store.Announcement {
	t.tb.Helper()
	n, ok := t.Store.(store.Announcer)
	t.need(ok, "Announcer")
	others, err := n.Announce(t.ctx, store.Announcement{Process: process, Options: options}, life)
	t.noError(err, "Announce %s", process)
	return others
}

func (t *tester) wantAnnounced(others []store.Announcement, want string) {
	t.tb.Helper()
	var names []string
	for _, o := range others {
		names = append(names, o.Process)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("announced by others: %q, want %q", got, want)
	}
}

func announceOthers(t *tester) {
	b := map[string]string{"lease": "60s", "retry": "é ☃ \"'\\", "": ""}
	t.wantAnnounced(t.announce("b", held, b), "")
	t.wantAnnounced(t.announce("B", held, nil), "b")
	t.wantAnnounced(t.announce("a", held, map[string]string{"x": strings.Repeat("y", 16<<10-1)}), "B b")
	others := t.announce("B", held, map[string]string{"lease": "30s"})
	t.wantAnnounced(others, "a b")
	if got := others[1].Options; !maps.Equal(got, b) {
		t.Errorf("the options of b are %q, want %q", got, b)
	}
	if got := others[0].Options["x"]; len(got) != 16<<10-1 {
		t.Errorf("of %d bytes of options %d are left", 16<<10-1, len(got))
	}
	others = t.announce("b", held, map[string]string{"lease": "90s"})
	t.wantAnnounced(others, "B a")
	if got := others[0].Options; !maps.Equal(got, map[string]string{"lease": "30s"}) {
		t.Errorf("the options of B after it announced others are %q", got)
	}
	if t.Reopen != nil {
		others = t.reopened().announce("c", held, nil)
		t.wantAnnounced(others, "B a b")
		if got := others[2].Options; !maps.Equal(got, map[string]string{"lease": "90s"}) {
			t.Errorf("another handle sees the options of b as %q", got)
		}
	}
}

func announceLife(t *tester) {
	t.announce("short", t.unit, nil)
	t.announce("renewed", t.unit, nil)
	t.announce("long", held, nil)
	t.announce("renewed", held, nil)
	t.announce("withdrawn", held, nil)
	t.wantAnnounced(t.announce("withdrawn", 0, nil), "long renewed short")
	t.wantAnnounced(t.announce("never there", -t.unit, nil), "long renewed short")
	t.pass(2 * t.unit)
	t.wantAnnounced(t.announce("last", held, nil), "long renewed")
}
