//go:build unix

package crash

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// orders are what a worker process is told, in the environment.
type orders struct {
	Name  string
	Site  site
	Log   string // where its history goes
	Point point  // where it ends itself
	// Life is how long after it has its store it ends itself; 0 for never.
	Life time.Duration
	// Publish is how many batches it publishes itself, of how many events.
	Publish, Events int
	// Fault names one that its store has.
	Fault  string
	Tuning tuning
}

// tuning are the options of the engines.
type tuning struct {
	Engines, Concurrency int
	Timeout, Margin      time.Duration
	Drain                time.Duration
	Delays               []time.Duration
	Crashes              dispatcher.CrashPolicy
}

func (t tuning) lease() time.Duration { return t.Timeout + t.Margin }

func (t tuning) options() []dispatcher.Option {
	return []dispatcher.Option{
		dispatcher.WithPlaintextSecrets(), dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses(),
		dispatcher.WithConcurrency(t.Concurrency), dispatcher.WithAttemptTimeout(t.Timeout), dispatcher.WithLeaseMargin(t.Margin),
		dispatcher.WithRetry(dispatcher.Schedule(t.Delays...)), dispatcher.WithCrashPolicy(t.Crashes),
		dispatcher.WithPollInterval(200 * time.Millisecond), dispatcher.WithDrainTimeout(t.Drain),
	}
}

// ordersVariable makes the test binary a worker.
const ordersVariable = "POSTRIDER_CRASH_WORKER"

func TestMain(m *testing.M) {
	if text := os.Getenv(ordersVariable); text != "" {
		var o orders
		err := json.Unmarshal([]byte(text), &o)
		if err == nil {
			err = work(o)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, o.Name+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	servers.Main(m)
	printTable()
}

// work is a worker process: engines that deliver until standard input says "stop"
// or ends, as it does when the process that started it ends.
func work(o orders) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		if lines.Scan() && strings.TrimSpace(lines.Text()) == "stop" {
			cancel()
			return
		}
		os.Exit(4)
	}()
	log, err := history.OpenLog(o.Log, func(err error) {
		fmt.Fprintln(os.Stderr, o.Name+": log:", err)
		os.Exit(3)
	})
	if err != nil {
		return err
	}
	w := &writer{process: o.Name, sink: log}
	w.write("", history.Record{Kind: history.Started})
	pass := o.Point.passing(w)
	st, free, err := openPatiently(ctx, o.Site, 12)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = free() }()
	if o.Life > 0 {
		time.AfterFunc(o.Life, func() { die(w, "end of life") })
	}
	for _, f := range faults {
		if f.name == o.Fault {
			st = f.fault.store(st)
		}
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})).With("process", o.Name)
	var running sync.WaitGroup
	errs := make(chan error, o.Tuning.Engines)
	for i := range o.Tuning.Engines {
		name := fmt.Sprintf("%s.%d", o.Name, i)
		e, err := dispatcher.New(record(st, w, name, pass), append(o.Tuning.options(),
			dispatcher.WithSendHook(sendHook(w, name, pass)), dispatcher.WithLogger(logger.With("engine", name)))...)
		if err != nil {
			return err
		}
		running.Go(func() { errs <- e.Run(ctx) })
		if i == 0 {
			running.Go(func() { publishOwn(ctx, e, o) })
		}
	}
	running.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// openPatiently opens a store that may be away.
func openPatiently(ctx context.Context, s site, connections int) (st store.Store, free func() error, err error) {
	for {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		st, free, err = s.open(try, connections)
		cancel()
		if err == nil || ctx.Err() != nil {
			return st, free, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// publishOwn publishes a worker's own events, each until it is acknowledged.
func publishOwn(ctx context.Context, e *dispatcher.Engine, o orders) {
	for i := range o.Publish {
		var batch []dispatcher.Event
		for j := range o.Events {
			id := fmt.Sprintf("own_%s_%d_%d", o.Name, i, j)
			batch = append(batch, dispatcher.Event{Type: "order.shipped", ID: id, Payload: map[string]string{"order": id}})
		}
		for ctx.Err() == nil {
			if _, err := e.PublishBatch(ctx, batch); err == nil {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}
