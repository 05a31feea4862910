package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// TestRandomSchedules lets several processes deliver over one store while they
// are stopped, killed and cut off from it, endpoints misbehave and are paused,
// changed and deleted, and checks the recorded history against the invariants.
// POSTRIDER_SEEDS sets the number of schedules, POSTRIDER_SEED runs a single
// one.
func TestRandomSchedules(t *testing.T) {
	from, n := uint64(1), uint64(20)
	if s := os.Getenv("POSTRIDER_SEEDS"); s != "" {
		n = number(t, s)
	}
	if s := os.Getenv("POSTRIDER_SEED"); s != "" {
		from, n = number(t, s), 1
	}
	totals := map[string]int{}
	for seed := from; seed < from+n; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				w.play(3 * time.Minute)
				w.heal()
				w.check()
				for k, v := range w.did {
					totals[k] += v
				}
			})
		})
	}
	t.Logf("what happened over %d schedules: %v", n, totals)
	for _, k := range []string{"publish", "kill", "outage", "stop", "pause", "requests", "interrupted", "repeated after a kill or an outage"} {
		if n >= 20 && totals[k] == 0 {
			t.Errorf("%q never happened: the schedules prove nothing about it", k)
		}
	}
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	simTimeout = 2 * time.Second
	simMargin  = 500 * time.Millisecond
	simLease   = simTimeout + simMargin
	simCap     = 3
)

var simDelays = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}

// world is one random schedule and its history.
type world struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	store  *memstore.Store
	// admin is an engine that never runs and never fails.
	admin     *dispatcher.Engine
	processes []*process
	endpoints []*simEndpoint
	events    map[string]*simEvent // by event id
	keys      map[string]string    // idempotency key to event id
	network   *network
	healed    atomic.Bool
	did       map[string]int
}

type simEndpoint struct {
	dispatcher.Endpoint
	secrets []signer.Secret
	// pausedAt and resumedAt are pairs of what was done.
	pauses  []interval
	paused  bool
	deleted bool
}

type interval struct{ from, to time.Time }

type simEvent struct {
	receipt   dispatcher.Receipt
	at, until time.Time
}

// process is one process that runs an engine.
type process struct {
	id      int
	conn    *faultStore
	engine  *dispatcher.Engine
	done    chan error
	dead    bool
	diedAt  time.Time
	outages []interval
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 99)), store: memstore.New(),
		events: map[string]*simEvent{}, keys: map[string]string{}, did: map[string]int{},
	}
	w.network = &network{world: w}
	w.admin = newEngine(t, w.store, &receiver{})
	for i := range 2 + w.random.IntN(4) {
		w.register(i)
	}
	for range 1 + w.random.IntN(3) {
		w.startProcess()
	}
	return w
}

func (w *world) register(i int) {
	ep, secret, err := w.admin.Register(w.t.Context(), dispatcher.EndpointConfig{
		URL: fmt.Sprintf("https://e%d.example/", i), Events: []string{"*"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.endpoints = append(w.endpoints, &simEndpoint{Endpoint: ep, secrets: []signer.Secret{secret}})
}

func (w *world) startProcess() {
	p := &process{id: len(w.processes), conn: &faultStore{Store: w.store}, done: make(chan error, 1)}
	p.engine = newEngine(w.t, p.conn, w.network.of(p),
		dispatcher.WithAttemptTimeout(simTimeout), dispatcher.WithLeaseMargin(simMargin),
		dispatcher.WithRetry(dispatcher.Schedule(simDelays...)),
		dispatcher.WithMaxInFlight(simCap), dispatcher.WithConcurrency(4+w.random.IntN(20)),
		dispatcher.WithPollInterval(200*time.Millisecond), dispatcher.WithSlowAfter(300*time.Millisecond),
		dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Settled: time.Second}))
	w.processes = append(w.processes, p)
	go func() { p.done <- p.engine.Run(context.Background()) }()
}

func (w *world) alive() []*process {
	var alive []*process
	for _, p := range w.processes {
		if !p.dead {
			alive = append(alive, p)
		}
	}
	return alive
}

// play does random things for a while.
func (w *world) play(d time.Duration) {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		elapse(time.Duration(w.random.ExpFloat64() * float64(400*time.Millisecond)))
		for _, p := range w.alive() {
			w.endOutage(p, false)
		}
		switch r := w.random.IntN(100); {
		case r < 60:
			w.publish()
		case r < 66:
			w.kill()
		case r < 72:
			w.stop()
		case r < 80:
			w.outage()
		case r < 88:
			w.pauseOrResume()
		case r < 92:
			w.rotate()
		case r < 93:
			w.delete()
		default:
			elapse(time.Duration(w.random.IntN(5)) * time.Second)
		}
		if len(w.alive()) == 0 {
			w.startProcess()
		}
	}
}

func (w *world) publish() {
	w.did["publish"]++
	var e dispatcher.Event
	e.Type, e.Payload = "a.b", w.random.IntN(1000)
	now := time.Now()
	switch w.random.IntN(6) {
	case 0:
		e.At = now.Add(time.Duration(w.random.IntN(20)) * time.Second)
	case 1:
		e.Until = now.Add(time.Duration(1+w.random.IntN(20)) * time.Second)
	case 2:
		e.Key = fmt.Sprint("key", w.random.IntN(30))
		e.Payload, e.Type = e.Key, "c.d"
	}
	var by dispatcher.Dispatcher = w.admin
	if alive := w.alive(); len(alive) > 0 && w.random.IntN(2) == 0 {
		by = alive[w.random.IntN(len(alive))].engine
	}
	n := 1
	if w.random.IntN(4) == 0 {
		n = 1 + w.random.IntN(20)
	}
	if e.Key != "" {
		n = 1
	}
	batch := make([]dispatcher.Event, n)
	for i := range batch {
		batch[i] = e
	}
	receipts, err := by.PublishBatch(w.t.Context(), batch)
	if err != nil {
		w.did["publish refused"]++
		return // not acknowledged: it may be there or not
	}
	for _, r := range receipts {
		if e.Key != "" {
			if id, known := w.keys[e.Key]; known && id != r.EventID {
				w.t.Errorf("key %s gave the events %s and %s", e.Key, id, r.EventID)
			}
			w.keys[e.Key] = r.EventID
		}
		if w.events[r.EventID] == nil {
			w.events[r.EventID] = &simEvent{receipt: r, at: e.At, until: e.Until}
		}
	}
}

func (w *world) kill() {
	alive := w.alive()
	if len(alive) == 0 {
		return
	}
	w.did["kill"]++
	p := alive[w.random.IntN(len(alive))]
	w.endOutage(p, true)
	p.dead, p.diedAt = true, time.Now()
	p.conn.kill()
	w.network.kill(p)
	go func() { // only so that its goroutines end
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.engine.Stop(ctx)
	}()
	if w.random.IntN(3) > 0 {
		w.startProcess()
	}
}

func (w *world) stop() {
	alive := w.alive()
	if len(alive) == 0 {
		return
	}
	w.did["stop"]++
	p := alive[w.random.IntN(len(alive))]
	w.endOutage(p, true)
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(w.random.IntN(3000))*time.Millisecond)
	defer cancel()
	if err := p.engine.Stop(ctx); err != nil {
		w.t.Errorf("Stop: %v", err)
	}
	p.dead, p.diedAt = true, time.Now()
	w.startProcess()
}

// outage makes a process's connection fail for some time.
func (w *world) outage() {
	alive := w.alive()
	if len(alive) == 0 {
		return
	}
	w.did["outage"]++
	p := alive[w.random.IntN(len(alive))]
	w.endOutage(p, true)
	now := time.Now()
	p.outages = append(p.outages, interval{now, now.Add(time.Duration(w.random.IntN(8000)) * time.Millisecond)})
	r := rand.New(rand.NewPCG(w.seed, uint64(len(p.outages))))
	always := w.random.IntN(2) == 0
	p.conn.mu.Lock()
	p.conn.fail = func(string) fault {
		switch {
		case always || r.IntN(3) == 0:
			return faultBefore
		case r.IntN(2) == 0:
			return faultAfter
		}
		return faultNone
	}
	p.conn.mu.Unlock()
}

func (w *world) endOutage(p *process, now bool) {
	if len(p.outages) == 0 {
		return
	}
	last := &p.outages[len(p.outages)-1]
	if now && last.to.After(time.Now()) {
		last.to = time.Now()
	}
	if !last.to.After(time.Now()) {
		p.conn.mu.Lock()
		p.conn.fail = nil
		p.conn.mu.Unlock()
	}
}

func (w *world) pick() *simEndpoint {
	ep := w.endpoints[w.random.IntN(len(w.endpoints))]
	if ep.deleted {
		return nil
	}
	return ep
}

func (w *world) pauseOrResume() {
	ep := w.pick()
	if ep == nil {
		return
	}
	w.did["pause"]++
	if ep.paused {
		w.resume(ep)
		return
	}
	if err := w.admin.Pause(w.t.Context(), ep.ID); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait() // claims that had begun are over
	ep.paused = true
	ep.pauses = append(ep.pauses, interval{from: time.Now()})
}

func (w *world) resume(ep *simEndpoint) {
	if !ep.paused {
		return
	}
	ep.paused = false
	ep.pauses[len(ep.pauses)-1].to = time.Now()
	if err := w.admin.Resume(w.t.Context(), ep.ID); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rotate() {
	ep := w.pick()
	if ep == nil {
		return
	}
	s, err := w.admin.RotateSecret(w.t.Context(), ep.ID, dispatcher.Rotation{Grace: time.Minute})
	if errors.Is(err, store.ErrConflict) && len(ep.secrets) >= 8 {
		return // as many sign as may
	}
	if err != nil {
		w.t.Fatal(err)
	}
	ep.secrets = append(ep.secrets, s)
}

func (w *world) delete() {
	ep := w.pick()
	if ep == nil || len(w.endpoints) < 3 {
		return
	}
	w.did["delete"]++
	w.resume(ep)
	ep.deleted = true
	if err := w.admin.Delete(w.t.Context(), ep.ID); err != nil {
		w.t.Fatal(err)
	}
}

// heal ends all trouble and waits until everything is over.
func (w *world) heal() {
	w.healed.Store(true)
	for _, ep := range w.endpoints {
		w.resume(ep)
	}
	for _, p := range w.alive() {
		w.endOutage(p, true)
	}
	if len(w.alive()) == 0 {
		w.startProcess()
	}
	elapse(2 * time.Hour)
	for _, p := range w.alive() {
		if err := p.engine.Stop(w.t.Context()); err != nil {
			w.t.Errorf("Stop: %v", err)
		}
	}
	for _, p := range w.processes {
		if err := <-p.done; err != nil && !p.conn.dead { // the killed ones could not store everything
			w.t.Errorf("Run: %v", err)
		}
	}
}

// behaviour is what an endpoint does with the nth request for an event; it
// follows from the seed, so that a schedule can be played again.
func (w *world) behaviour(url, id string, n int) (delay time.Duration, status int) {
	if w.healed.Load() {
		return time.Millisecond, 200
	}
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, url, id, n)
	r := rand.New(rand.NewPCG(h.Sum64(), w.seed))
	delay = time.Duration(r.ExpFloat64() * float64(50*time.Millisecond))
	switch k := r.IntN(20); {
	case k < 11:
		status = 200
	case k < 15:
		status = 500
	case k < 16:
		status = 503
	case k < 17:
		status = 301
	case k < 18:
		delay, status = 5*time.Second, 200 // longer than the deadline
	default:
		delay, status = time.Duration(r.IntN(2500))*time.Millisecond, 200
	}
	return delay, status
}

// delivered looks a delivery up in the store, by what the receiver saw.
func (w *world) deliveries() map[string]store.Delivery {
	byKey := map[string]store.Delivery{}
	urls := map[string]string{}
	for _, ep := range w.endpoints {
		urls[ep.ID] = ep.URL
	}
	for d, err := range w.admin.Deliveries(w.t.Context(), dispatcher.DeliveryFilter{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		key := urls[d.EndpointID] + " " + d.EventID
		if _, twice := byKey[key]; twice {
			w.t.Errorf("%s has two deliveries", key)
		}
		byKey[key] = d
	}
	return byKey
}

var _ http.RoundTripper = (*wire)(nil)
