//go:build unix

package crash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// A lab plays processes, a server of the store and a receiver within one process
// and with a fake clock: what takes real processes minutes takes it moments, so
// that many faults can be tried. It records as real processes do.
type lab struct {
	t      *testing.T
	random *rand.Rand
	server store.Store // what the processes connect to, with its fault
	direct store.Store // the same without the fault
	// open is how a process comes to a store of its own on the same data; nil if
	// all of them share one.
	open   func() store.Store
	memory *history.Memory
	// carry stands between a process and the receiver, wrap between an engine and
	// what records its calls, for faults there.
	carry func(next http.RoundTripper) http.RoundTripper
	wrap  func(recorded store.Store) store.Store

	host      *dispatcher.Engine // publishes, and never fails
	hostStore store.Store
	secrets   map[string]signer.Secret // by endpoint
	published []store.DeliveryRef
	keyed     []history.Publish

	mu        sync.Mutex
	requests  []*history.Request
	taken     map[string]int // by delivery: the requests that were answered
	processes []*labProcess
	outages   []history.Outage
	outage    bool
	hanging   bool // some deliveries are not answered for longer than an attempt takes
}

const (
	labTimeout = time.Second
	labMargin  = 300 * time.Millisecond
	labSettled = time.Second
)

var labDelays = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

type fault struct {
	// store wraps the server, transport the way to the receiver, and engine what an
	// engine sees of the store: it then does what it would with the fault.
	store     func(store.Store) store.Store
	engine    func(store.Store) store.Store
	transport func(http.RoundTripper) http.RoundTripper
	// mutate changes what was recorded.
	mutate func(*history.History)
}

func newLab(t *testing.T, seed uint64, f fault) *lab {
	return newLabOn(t, seed, f, memstore.New(), nil)
}

// newLabOn is a lab with a store, which processes open by themselves, unless open
// is nil.
func newLabOn(t *testing.T, seed uint64, f fault, s store.Store, open func() store.Store) *lab {
	l := &lab{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), direct: s, open: open, memory: &history.Memory{},
		secrets: map[string]signer.Secret{}, taken: map[string]int{}, carry: f.transport, wrap: f.engine,
	}
	l.server = l.direct
	if f.store != nil {
		l.server = f.store(l.direct)
	}
	l.hostStore = record(l.server, &writer{process: "host", sink: l.memory}, "host", func(string) {})
	var err error
	if l.host, err = dispatcher.New(l.hostStore, dispatcher.WithPlaintextSecrets()); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		ep, secret, err := l.host.Register(t.Context(), dispatcher.EndpointConfig{
			URL: fmt.Sprintf("https://e%d.example/", i), Events: []string{"*"},
		})
		if err != nil {
			t.Fatal(err)
		}
		l.secrets[ep.ID] = secret
	}
	return l
}

// receive is the receiver: one in eight deliveries is refused at first, one in
// sixteen answered only when nobody waits any more.
func (l *lab) receive(_ *url.URL, h http.Header, body []byte) int {
	id, token, engine := seen(h)
	req := &history.Request{Delivery: id, Token: token, Engine: engine, Event: field(h, "webhook-id"), Body: sha256.Sum256(body), At: time.Now()}
	d, err := l.direct.Delivery(context.Background(), "", id)
	if err != nil {
		l.t.Error(err)
	}
	req.Endpoint = d.EndpointID
	_, err = signer.StandardWebhooks().Verify(h, body, l.secrets[req.Endpoint])
	req.Verified = err == nil
	l.mu.Lock()
	l.requests = append(l.requests, req)
	l.taken[id]++
	n := l.taken[id]
	delay := time.Duration(l.random.ExpFloat64() * float64(60*time.Millisecond))
	if kind := id[len(id)-1] % 16; kind == 3 && n <= 4 && l.hanging || kind == 5 && n == 1 {
		delay = 2 * (labTimeout + labMargin)
	}
	l.mu.Unlock()
	time.Sleep(delay) // the fake clock's
	l.mu.Lock()
	defer l.mu.Unlock()
	req.Answered, req.Status = time.Now(), http.StatusOK
	if id[len(id)-1]%8 == 0 && n < 3 {
		req.Status = http.StatusInternalServerError
	}
	return req.Status
}

// field finds a field whatever its spelling.
func field(h http.Header, name string) string {
	for k, v := range h {
		if http.CanonicalHeaderKey(k) == http.CanonicalHeaderKey(name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// play lets things happen for a while, heals, and returns the history.
func (l *lab) play(rounds int) history.History {
	for len(l.processes) < 2 {
		l.start()
	}
	var background sync.WaitGroup
	for i := range rounds {
		l.publish(i)
		l.sleep(30 * time.Millisecond) // some are in flight
		switch i % 8 {
		case 0:
			l.kill()
		case 1, 2:
			if p := l.pick(); p != nil {
				p.standing = true
				background.Go(func() { p.stop(2 * (labTimeout + labMargin)) })
			}
			l.sleep(3 * (labTimeout + labMargin))
		case 3:
			l.requeue(6)
		case 4:
			l.away(time.Duration(1+l.random.IntN(3)) * time.Second)
		case 5:
			l.sleep(time.Duration(l.random.IntN(1500)) * time.Millisecond)
			l.kill()
		case 6:
			l.retire()
		case 7:
			l.crashLoop(5)
		}
	}
	background.Wait()
	l.leaveOne()
	l.publish(rounds)
	l.settleDown()
	return l.history()
}

func (l *lab) sleep(most time.Duration) { time.Sleep(time.Duration(l.random.Int64N(int64(most) + 1))) }

// pick returns a process that lives and has never stood still.
func (l *lab) pick() *labProcess {
	for _, p := range l.processes {
		if p.lives() && !p.standing {
			return p
		}
	}
	return nil
}

func (l *lab) kill() {
	for _, p := range l.processes {
		if p.lives() {
			p.kill()
			break
		}
	}
	l.start()
}

// crashLoop kills every process again and again, with the same few deliveries in
// flight each time.
func (l *lab) crashLoop(times int) {
	hang := func(on bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.hanging = on
	}
	hang(true)
	for range times {
		for _, p := range l.processes {
			if p.lives() && !p.standing {
				p.kill()
			}
		}
		l.start()
		l.start()
		time.Sleep(labTimeout + labMargin) // what was in flight is claimed again
	}
	hang(false)
}

// leaveOne ends all processes but one that has been through the most: it must have
// all its places still.
func (l *lab) leaveOne() {
	var stays *labProcess
	for _, p := range l.processes {
		if p.lives() && (stays == nil || p.standing && !stays.standing) {
			stays = p
		}
	}
	for _, p := range l.processes {
		if p.lives() && p != stays {
			p.end(time.Second)
		}
	}
}

// retire ends a process as its administrators do, with a moment to drain, and
// starts another.
func (l *lab) retire() {
	p := l.pick()
	if p == nil {
		return
	}
	l.mu.Lock()
	drain := time.Duration(l.random.IntN(150)) * time.Millisecond
	l.mu.Unlock()
	p.end(drain)
	l.start()
}

func (l *lab) publish(round int) {
	var events []dispatcher.Event
	for i := range 6 {
		events = append(events, dispatcher.Event{Type: "a.b", ID: fmt.Sprintf("evt_%d_%d", round, i), Payload: []int{round, i}})
	}
	receipts, err := l.host.PublishBatch(l.t.Context(), events)
	if err != nil {
		l.t.Error(err)
	}
	for _, r := range receipts {
		l.published = append(l.published, r.Deliveries...)
	}
	key := fmt.Sprint("key", round/2)
	r, err := l.host.Publish(l.t.Context(), dispatcher.Event{Type: "c.d", Key: key, Payload: key})
	if err != nil {
		l.t.Error(err)
	}
	l.keyed = append(l.keyed, history.Publish{Key: key, Event: r.EventID, Acknowledged: err == nil})
}

// requeue makes deliveries pending afresh, in whatever state they are.
func (l *lab) requeue(n int) {
	p := store.RequeueParams{}
	for i := range n {
		at := l.random.IntN(len(l.published))
		if i%2 == 0 {
			at = len(l.published) - 1 - l.random.IntN(min(len(l.published), 24)) // perhaps in flight
		}
		p.Items = append(p.Items, store.RequeueItem{DeliveryID: l.published[at].ID})
	}
	if _, err := l.hostStore.Requeue(l.t.Context(), p); err != nil {
		l.t.Error(err)
	}
}

func (l *lab) away(d time.Duration) {
	set := func(on bool) time.Time {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.outage = on
		return time.Now()
	}
	from := set(true)
	time.Sleep(d)
	l.outages = append(l.outages, history.Outage{Span: history.Span{From: from, To: set(false)}})
}

// settleDown waits until nothing is pending, for a minute at most.
func (l *lab) settleDown() {
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		s, err := l.direct.Stats(context.Background(), store.StatsQuery{})
		if err == nil && s.Total.Pending == 0 {
			break
		}
	}
	for _, p := range l.processes {
		if p.lives() {
			p.end(time.Hour)
		}
	}
	time.Sleep(time.Minute) // what was killed ends, too
}

func (l *lab) history() history.History {
	final, err := readFinal(l.t.Context(), l.server)
	if err != nil {
		l.t.Fatal(err)
	}
	h := history.History{
		Terms: history.Terms{
			Lease: labTimeout + labMargin, Delays: labDelays, Tolerance: time.Millisecond,
			DoneWithin: 25 * time.Second, HealthyWithin: 15 * time.Second, CallsPerSecond: 4,
			Suspect: suspectFrom, Settled: labSettled,
		},
		Records: l.memory.Records(), Outages: l.outages, Publishes: l.keyed, Final: final,
	}
	for _, p := range l.processes {
		h.Processes = append(h.Processes, p.Process)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.requests {
		h.Requests = append(h.Requests, *r)
	}
	return h
}
