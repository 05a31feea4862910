package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// board is a store on which several engines announce themselves.
type board struct {
	store.Store

	mu      sync.Mutex
	failing bool
	calls   int
	posted  []store.Announcement
}

func (b *board) Announce(_ context.Context, a store.Announcement, life time.Duration) ([]store.Announcement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.failing {
		return nil, errors.New("down")
	}
	b.posted = slices.DeleteFunc(b.posted, func(p store.Announcement) bool { return p.Process == a.Process })
	others := slices.Clone(b.posted)
	if life > 0 {
		b.posted = append(b.posted, a)
	}
	return others, nil
}

func (b *board) state() (calls, posted int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls, len(b.posted)
}

// TestAnnounceDifferences runs engines that agree and engines that do not.
func TestAnnounceDifferences(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b []dispatcher.Option
		want []string
	}{
		{"same", nil, nil, nil},
		{"the same in other words",
			[]dispatcher.Option{dispatcher.WithRetry(dispatcher.Schedule(time.Second)), dispatcher.WithEnvelope(dispatcher.StandardEnvelope())},
			[]dispatcher.Option{dispatcher.WithRetry(samePolicy{}), dispatcher.WithAttemptTimeout(30 * time.Second)}, []string{}},
		{"what need not agree",
			[]dispatcher.Option{dispatcher.WithConcurrency(3), dispatcher.WithPollInterval(time.Second)}, nil, nil},
		{"lease and timeout",
			[]dispatcher.Option{dispatcher.WithAttemptTimeout(time.Second), dispatcher.WithLeaseMargin(time.Second)}, nil,
			[]string{"option=attemptTimeout here=30s there=1s", "option=leaseMargin here=30s there=1s"}},
		{"retries", []dispatcher.Option{dispatcher.WithRetry(dispatcher.Schedule(time.Minute))}, nil, []string{"option=retry"}},
		{"envelope", []dispatcher.Option{dispatcher.WithEnvelope(dispatcher.CloudEvents("/a"))},
			[]dispatcher.Option{dispatcher.WithEnvelope(dispatcher.CloudEvents("/b"))}, []string{"option=envelope"}},
		{"form", []dispatcher.Option{dispatcher.WithJSONForm(dispatcher.ASCII)}, nil, []string{"option=envelope"}},
		{"keys", []dispatcher.Option{dispatcher.WithKeyring(keysNamed(t, "old"))},
			[]dispatcher.Option{dispatcher.WithKeyring(keysNamed(t, "new", "old"))}, []string{`option=keyring here="keys new old, seals with new"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &board{Store: memstore.New()}
				stopA := start(t, newEngine(t, b, &receiver{}, tt.a...))
				elapse(time.Second)
				var log bytes.Buffer
				logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				stopB := start(t, newEngine(t, b, &receiver{}, append(tt.b, dispatcher.WithLogger(logger))...))
				elapse(10 * time.Minute)
				stopB()
				stopA()
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if log.Len() == 0 {
					lines = nil
				}
				if len(lines) != len(tt.want) {
					t.Fatalf("%d warnings, want %d:\n%s", len(lines), len(tt.want), log.String())
				}
				for i, want := range tt.want {
					if !strings.Contains(lines[i], want) {
						t.Errorf("warning %q lacks %q", lines[i], want)
					}
				}
				if _, posted := b.state(); posted != 0 {
					t.Errorf("%d announcements are left", posted)
				}
			})
		})
	}
}

// TestAnnounceFails holds that a store which cannot take announcements is asked
// once a minute, and nothing else comes of it.
func TestAnnounceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{Store: memstore.New(), failing: true}
		rc := &receiver{}
		e := newEngine(t, b, rc)
		stop := start(t, e)
		register(t, e, dispatcher.EndpointConfig{})
		publish(t, e, dispatcher.Event{})
		elapse(10*time.Minute + time.Second)
		stop()
		if calls, _ := b.state(); calls != 12 { // at the start, every minute, at the end
			t.Errorf("%d announcements in ten minutes, want 12", calls)
		}
		if n := len(rc.log()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// samePolicy says what Schedule(time.Second) says.
type samePolicy struct{}

func (samePolicy) Delay(retry int, _ uint64) (time.Duration, bool) { return time.Second, retry == 1 }

func keysNamed(t *testing.T, names ...string) dispatcher.Keyring {
	t.Helper()
	keys := make([]dispatcher.Key, len(names))
	for i, name := range names {
		keys[i] = dispatcher.Key{ID: name, Bytes: bytes.Repeat([]byte(name[:1]), 32)}
	}
	k, err := dispatcher.StaticKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
