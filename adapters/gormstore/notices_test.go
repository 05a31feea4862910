package gormstore

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
)

func TestNoticeNames(t *testing.T) {
	var many []string
	for i := range noticeLanes {
		many = append(many, fmt.Sprint("ep_", i))
	}
	for name, c := range map[string]struct {
		teller string
		lanes  []string
		want   []string
	}{
		"one":        {"me", []string{"a"}, []string{"a"}},
		"again":      {"me", []string{"a", "b", "a"}, []string{"a", "b"}},
		"of nobody":  {"", []string{"a"}, []string{"a"}},
		"quoted":     {`m"\e`, []string{`a"`, `\,}`, "NULL", " "}, []string{`a"`, `\,}`, "NULL", " "}},
		"as many":    {"me", many, many},
		"too many":   {"me", append(slices.Clone(many), "another"), nil},
		"far enough": {"me", append(slices.Clone(many), "another", "and", "one"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var told lanesTold
			told.add(c.lanes...)
			message := told.message(c.teller)
			if teller, lanes := heard(message); teller != c.teller || !slices.Equal(lanes, c.want) {
				t.Errorf("%s was heard as %q, %q, want %q, %q", message, teller, lanes, c.teller, c.want)
			}
		})
	}
	for _, message := range []string{"", "JXKQ2V", "{", `{"a"`, `{"a","b`} {
		if teller, lanes := heard(message); teller != message || lanes != nil {
			t.Errorf("%s was heard as %q, %q, want no lanes", message, teller, lanes)
		}
	}
}

// TestNoticeLength holds that no notice is longer than Postgres takes.
func TestNoticeLength(t *testing.T) {
	var told lanesTold
	for i := range noticeLanes {
		told.add(fmt.Sprintf("%0*d", maxID/2, i) + fmt.Sprintf(`%*s`, maxID/2, `\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"`))
	}
	if n := len(told.message((&notices{}).self())); n >= 8000 {
		t.Errorf("a notice of %d lanes has %d bytes, which must be less than 8000", len(told), n)
	}
}

// TestNoticesOwed holds that each insert is told of: by itself, or by a later one
// that is not told to be silent; also if that inserts nothing.
func TestNoticesOwed(t *testing.T) {
	s := &Store{dialect: postgres, cfg: config{notify: true}}
	n := &notices{armed: true, gap: time.Hour} // nobody waits for the timer
	lanes := func(notice string) []string {
		_, lanes := heard(notice)
		return lanes
	}
	first := n.begin(lanesTold{"a"}, s)
	if got := lanes(first.notice); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("the first tells of %q", got)
	}
	for _, l := range []string{"b", "c"} {
		silent := n.begin(lanesTold{l}, s)
		if silent.notice != "" {
			t.Fatalf("%s, soon after the last, is to tell of it", l)
		}
		n.done(silent, l == "b", s) // c has inserted nothing
	}
	n.last = time.Time{}
	if none := n.begin(nil, s); none.notice != "" {
		t.Error("an insert without deliveries is to tell of others")
	}
	repeats := n.begin(lanesTold{"d"}, s)
	if got := lanes(repeats.notice); !slices.Equal(got, []string{"b", "d"}) {
		t.Fatalf("the next one tells of %q, want what was silent, and itself", got)
	}
	n.done(repeats, false, s)
	n.last = time.Time{}
	last := n.begin(lanesTold{"e"}, s)
	if got := lanes(last.notice); !slices.Equal(got, []string{"b", "e"}) {
		t.Fatalf("after one that inserted nothing the next tells of %q", got)
	}
	n.done(last, true, s)
	if len(n.owed) != 0 {
		t.Errorf("%q is told and still owed", n.owed)
	}
	if n.gap < leastNoticeGap || n.gap > mostNoticeGap {
		t.Errorf("after one that took a moment, the next is to wait %v", n.gap)
	}
	n.took(time.Minute)
	if n.gap != mostNoticeGap {
		t.Errorf("after one that took a minute, the next is to wait %v, want %v", n.gap, mostNoticeGap)
	}
}

// TestNoticesOfALongInsert holds that what an insert has taken over to tell of is
// told of though it takes long.
func TestNoticesOfALongInsert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{dialect: postgres, cfg: config{notify: true}}
		n := &notices{armed: true, gap: time.Hour} // nobody waits for the timer
		n.done(n.begin(lanesTold{"a"}, s), true, s)
		owed := func() lanesTold {
			n.mu.Lock()
			defer n.mu.Unlock()
			return slices.Clone(n.owed)
		}
		for _, long := range []bool{false, true} {
			n.gap = time.Hour
			n.done(n.begin(lanesTold{"b"}, s), true, s)
			n.last = time.Time{}
			takesOver := n.begin(lanesTold{"c"}, s)
			if got := owed(); len(got) != 0 {
				t.Errorf("%q is owed beside what an insert tells of", got)
			}
			var want []string
			if long {
				want = []string{"b"}
			} else {
				n.done(takesOver, true, s)
			}
			<-time.After(mostNoticeGap)
			synctest.Wait()
			if got := owed(); !slices.Equal(got, want) {
				t.Errorf("later, %q is owed, want %q", got, want)
			}
		}
	})
}

func TestLanesOf(t *testing.T) {
	events := []store.NewEvent{
		{Deliveries: []store.NewDelivery{{EndpointID: "a"}, {EndpointID: "b"}}}, {}, {Deliveries: []store.NewDelivery{{EndpointID: "a"}}},
	}
	if got := lanesOf(events); !slices.Equal(got, lanesTold{"a", "b"}) {
		t.Errorf("the lanes are %q, want a and b", got)
	}
}
