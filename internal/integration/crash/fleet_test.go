//go:build unix

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// fleet is a host, its worker processes, a receiver, and what is recorded of
// them.
type fleet struct {
	t        *testing.T
	form     form
	place    place
	site     site
	tuning   tuning
	receiver *receiver
	dir      string

	store  store.Store // the host's, recorded
	direct store.Store // for looking on
	host   *dispatcher.Engine
	memory *history.Memory

	mu        sync.Mutex
	processes []*process
	outages   []history.Outage
	keyed     []history.Publish
}

const (
	endpoints      = 10
	recoverWithin  = 10 * time.Second
	healthyWithin  = 15 * time.Second
	callsPerSecond = 4
	suspectFrom    = 3 // the default of a CrashPolicy
)

func defaultTuning() tuning {
	return tuning{
		Engines: 3, Concurrency: 8, Timeout: time.Second, Margin: 400 * time.Millisecond, Drain: 5 * time.Second,
		Delays:  []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second},
		Crashes: dispatcher.CrashPolicy{Settled: 2 * time.Second},
	}
}

// newFleet makes a store and registers the endpoints.
func newFleet(t *testing.T, p place) *fleet {
	t.Helper()
	f := &fleet{
		t: t, form: theForm(), place: p, site: p.fresh(t), tuning: defaultTuning(), receiver: newReceiver(t), dir: t.TempDir(),
		memory: &history.Memory{},
	}
	direct, free, err := openPatiently(t.Context(), f.site, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = free() })
	f.direct = direct
	f.store = record(direct, &writer{process: "host", sink: f.memory}, "host", func(string) {})
	if f.host, err = dispatcher.New(f.store, f.tuning.options()...); err != nil {
		t.Fatal(err)
	}
	for i := range endpoints {
		path := fmt.Sprintf("/%d", i)
		ep, secret, err := f.host.Register(t.Context(), dispatcher.EndpointConfig{
			Name: path, URL: f.receiver.server.URL + path, Events: []string{"*"},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.receiver.mu.Lock()
		f.receiver.secrets[path], f.receiver.ids[path] = secret, ep.ID
		f.receiver.mu.Unlock()
	}
	return f
}

// process is a worker process.
type process struct {
	history.Process
	fleet *fleet
	cmd   *exec.Cmd
	log   string
	done  chan struct{} // closed when it has ended
	err   error
	stdin interface{ Write([]byte) (int, error) }
}

// start starts a worker process; change completes its orders.
func (f *fleet) start(change func(*orders)) *process {
	f.t.Helper()
	f.mu.Lock()
	name := fmt.Sprintf("w%d", len(f.processes))
	f.mu.Unlock()
	o := orders{Name: name, Site: f.site, Log: filepath.Join(f.dir, name+".jsonl"), Tuning: f.tuning}
	if change != nil {
		change(&o)
	}
	text, err := json.Marshal(o)
	if err != nil {
		f.t.Fatal(err)
	}
	errors, err := os.Create(filepath.Join(f.dir, name+".err"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer errors.Close()
	p := &process{fleet: f, log: o.Log, done: make(chan struct{})}
	p.Name, p.Started = name, time.Now()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), ordersVariable+"="+string(text))
	p.cmd.Stderr = errors
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.processes = append(f.processes, p)
	f.mu.Unlock()
	f.t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	go func() {
		p.err = p.cmd.Wait()
		f.mu.Lock()
		if !p.cmd.ProcessState.Success() {
			p.Died = time.Now()
		}
		f.mu.Unlock()
		close(p.done)
	}()
	return p
}

// kill ends a process by SIGKILL.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil {
		p.fleet.t.Errorf("kill %s: %v", p.Name, err)
	}
	<-p.done
}

// await waits until the process has killed itself.
func (p *process) await(d time.Duration) {
	p.fleet.t.Helper()
	select {
	case <-p.done:
		if p.cmd.ProcessState.ExitCode() >= 0 {
			p.fleet.t.Errorf("%s ended by itself: %v\n%s", p.Name, p.err, p.complaints())
		}
	case <-time.After(d):
		p.fleet.t.Fatalf("%s has not come to its end within %v\n%s", p.Name, d, p.complaints())
	}
}

func (p *process) complaints() string {
	text, err := os.ReadFile(filepath.Join(p.fleet.dir, p.Name+".err"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// end stops a process as its administrators do.
func (p *process) end() {
	p.fleet.t.Helper()
	if _, err := p.stdin.Write([]byte("stop\n")); err != nil {
		p.fleet.t.Errorf("stop %s: %v\n%s", p.Name, err, p.complaints())
	}
	select {
	case <-p.done:
		if p.err != nil {
			p.fleet.t.Errorf("%s: %v\n%s", p.Name, p.err, p.complaints())
		}
	case <-time.After(30 * time.Second):
		p.fleet.t.Errorf("%s does not stop\n%s", p.Name, p.complaints())
		p.kill()
	}
}

// publish publishes events for a number of deliveries, no further ahead of the
// receiver than so many.
func (f *fleet) publish(ctx context.Context, deliveries, ahead int) error {
	const batch = 10
	for n := 0; n < deliveries; n += batch * endpoints {
		for {
			taken, progress := f.receiver.distinct()
			if n-taken < ahead {
				break
			}
			select {
			case <-progress:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var events []dispatcher.Event
		for i := range batch {
			id := fmt.Sprintf("evt_%d", n/endpoints+i)
			events = append(events, dispatcher.Event{Type: "order.created", ID: id, Payload: map[string]string{"order": id}})
		}
		for {
			_, err := f.host.PublishBatch(ctx, events)
			if err == nil {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return err
			}
		}
	}
	return nil
}

// reach waits until the receiver has taken a number of deliveries.
func (f *fleet) reach(deliveries int, within time.Duration) {
	f.t.Helper()
	f.reachOf(f.receiver.distinct, deliveries, within)
}

// reachFrom waits until it has taken a number of them from one process.
func (f *fleet) reachFrom(process string, deliveries int, within time.Duration) {
	f.t.Helper()
	f.reachOf(func() (int, <-chan struct{}) { return f.receiver.takenFrom(process) }, deliveries, within)
}

func (f *fleet) reachOf(count func() (int, <-chan struct{}), deliveries int, within time.Duration) {
	f.t.Helper()
	deadline := time.After(within)
	for {
		taken, progress := count()
		if taken >= deliveries {
			return
		}
		select {
		case <-progress:
		case <-deadline:
			f.t.Fatalf("%d deliveries have arrived, not %d, after %v\n%s", taken, deliveries, within, f.latest().complaints())
		}
	}
}

func (f *fleet) latest() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.processes[len(f.processes)-1]
}

// done waits until nothing is pending.
func (f *fleet) done(within time.Duration) {
	f.t.Helper()
	deadline := time.Now().Add(within)
	for {
		s, err := f.direct.Stats(f.t.Context(), store.StatsQuery{})
		if err == nil && s.Total.Pending == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Errorf("after %v still %+v, %v\n%s", within, s.Total, err, f.latest().complaints())
			return
		}
		time.Sleep(50 * time.Millisecond) // between looks
	}
}

// history ends the processes and collects everything.
func (f *fleet) history() history.History {
	f.t.Helper()
	h := history.History{
		Terms: history.Terms{
			Lease: f.tuning.lease(), Delays: f.tuning.Delays, Tolerance: 10 * time.Millisecond,
			DoneWithin: recoverWithin, HealthyWithin: healthyWithin, CallsPerSecond: callsPerSecond,
			Suspect: suspectFrom, Settled: f.tuning.Crashes.Settled,
		},
		Outages: f.outages, Publishes: f.keyed,
	}
	for _, p := range f.processes {
		select {
		case <-p.done:
		default:
			p.end()
		}
		records, err := history.ReadLog(p.log)
		if err != nil {
			f.t.Fatal(err)
		}
		h.Records = append(h.Records, records...)
		h.Processes = append(h.Processes, p.Process)
	}
	h.Records = append(h.Records, f.memory.Records()...)
	h.Requests = f.receiver.log()
	final, err := readFinal(f.t.Context(), f.direct)
	if err != nil {
		f.t.Fatal(err)
	}
	h.Final = final
	return h
}

// check holds the history against the rules and notes what was seen.
func (f *fleet) check(what string) history.Report {
	f.t.Helper()
	return f.checked(what, f.history())
}

func (f *fleet) checked(what string, h history.History) history.Report {
	f.t.Helper()
	r := history.Check(h)
	note(f.place.kind, what, r)
	if len(r.Violations) > 0 {
		f.t.Errorf("%d violations:\n%s", len(r.Violations), r.Text(20))
		if id := r.Violations[0].Delivery; id != "" {
			f.t.Log(history.Trace(h, id))
		}
		if dir := os.Getenv("POSTRIDER_CRASH_KEEP"); dir != "" {
			if text, err := json.Marshal(h); err == nil {
				_ = os.WriteFile(filepath.Join(dir, f.place.kind+"-"+what+".json"), text, 0o600)
			}
		}
	}
	return r
}
