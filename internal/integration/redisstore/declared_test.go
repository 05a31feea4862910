package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// What the server sees of each script is compared with the keys that it was given:
// it touches no other, and all of them have one tag.
func TestScriptsTouchDeclaredKeys(t *testing.T) {
	addr := servers.Redis(t, "7.0", durable...).Addr()
	client := standalone(t, addr)
	s := open(t, client, redisstore.WithShards(2))
	seen := monitor(t, addr)

	endpoints(t, s)
	inserted(t, s, "e", 50)
	inserted(t, s, "e", 50) // again
	e, err := s.Endpoint(t.Context(), "", "ep_0")
	if err != nil {
		t.Fatal(err)
	}
	e.Patterns = []string{"a.*", "b"}
	if _, err := s.UpdateEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Match(t.Context(), "", []string{"a.b", "c"}); err != nil {
		t.Fatal(err)
	}
	c := claimed(t, s, 20)
	for i := range c {
		o := drained(c[i])
		o.State = store.State(1 + i%4)
		if _, err := s.Settle(t.Context(), []store.Outcome{o, o}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{
		{DeliveryID: c[1].Delivery.ID}, {EventID: "evt_e3", EndpointID: "new"}, {EventID: "evt_e4", EndpointID: "ep_4"},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cancel(t.Context(), "", []string{c[1].Delivery.ID, c[2].Delivery.ID}, "x"); err != nil {
		t.Fatal(err)
	}
	d, err := s.Due(t.Context(), store.DueParams{Sweep: true, Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	inserted(t, s, "f", 5)
	if _, err := s.Due(t.Context(), store.DueParams{Mark: d.Mark, Cursor: d.Cursor, Sweep: true, Limit: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Events(t.Context(), store.EventQuery{Limit: 7}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []store.DeliveryQuery{{Limit: 7}, {Limit: 7, EndpointID: "ep_1"}, {Limit: 7, EventID: "evt_e1", Scope: store.Scope{All: true}}} {
		if _, err := s.Deliveries(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Attempts(t.Context(), "", c[0].Delivery.ID); err != nil {
		t.Fatal(err)
	}
	delivered(t, s)
	if err := s.DeleteEndpoint(t.Context(), "", "ep_0"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []store.PurgeParams{{BodiesOnly: true, Limit: 10}, {Limit: 1000}} {
		if _, err := s.Purge(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.EraseTenant(t.Context(), "", 1000); err != nil {
		t.Fatal(err)
	}
	const last = "the end"
	if err := client.Echo(t.Context(), last).Err(); err != nil {
		t.Fatal(err)
	}
	scripts, calls := 0, 0
	var declared []string
	for line := range seen {
		words := quoted(line)
		if len(words) == 0 {
			continue
		}
		switch name := strings.ToLower(words[0]); {
		case name == "echo" && slices.Contains(words, last):
			if scripts < 40 || calls < 200 {
				t.Errorf("saw %d scripts and %d calls; the test did not test", scripts, calls)
			}
			return
		case strings.Contains(line, " lua] "):
			calls++
			if name == "time" || name == "publish" {
				continue
			}
			of := words[1:2]
			if name == "rename" || name == "sunion" {
				of = words[1:]
			}
			for _, key := range of {
				if !slices.Contains(declared, key) {
					t.Errorf("a script called %s of %q, which is not among its keys %q", name, key, declared)
				}
			}
		case name == "evalsha" || name == "eval":
			scripts++
			n, err := strconv.Atoi(words[2])
			if err != nil || n == 0 || len(words) < 3+n {
				t.Fatalf("%q", line)
			}
			declared = words[3 : 3+n]
			tag, _, _ := strings.Cut(declared[0], "}")
			for _, key := range declared {
				if !strings.HasPrefix(key, tag+"}") {
					t.Errorf("keys of two slots: %q", declared)
				}
			}
		}
	}
	t.Errorf("the monitor ended early")
}

// monitor returns the lines of MONITOR.
func monitor(t *testing.T, addr string) <-chan string {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReaderSize(conn, 1<<20)
	if ok, err := r.ReadString('\n'); err != nil || ok != "+OK\r\n" {
		t.Fatal(ok, err)
	}
	lines := make(chan string, 100_000)
	go func() {
		defer close(lines)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return lines
}

// quoted returns the quoted words of a line of MONITOR as they stand there: with
// what is not printable escaped, which serves to compare them.
func quoted(line string) (words []string) {
	for {
		begin := strings.IndexByte(line, '"')
		if begin < 0 {
			return words
		}
		line = line[begin+1:]
		end := 0
		for end < len(line) && line[end] != '"' {
			if line[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(line) {
			return words
		}
		words = append(words, line[:end])
		line = line[end+1:]
	}
}
