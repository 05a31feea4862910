package dispatcher_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// remoteKeys are keys behind a network: one that signs, and a keyring.
type remoteKeys struct {
	ed25519.PrivateKey
	dispatcher.Keyring
	// away is what happens to a call while there is one.
	away atomic.Pointer[func(context.Context) error]
}

func newRemoteKeys(t *testing.T) *remoteKeys {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k", Bytes: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return &remoteKeys{PrivateKey: private, Keyring: keyring}
}

func (k *remoteKeys) call(ctx context.Context) error {
	if away := k.away.Load(); away != nil {
		return (*away)(ctx)
	}
	return nil
}

func (k *remoteKeys) SignContext(ctx context.Context, rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.call(ctx); err != nil {
		return nil, err
	}
	return k.Sign(rand, message, opts)
}

func (k *remoteKeys) Open(ctx context.Context, sealed, data []byte) ([]byte, error) {
	if err := k.call(ctx); err != nil {
		return nil, err
	}
	return k.Keyring.Open(ctx, sealed, data)
}

// A key that does not answer is no fault of the receiver's: deliveries wait until
// it does, and no retry is used up.
func TestDeliveriesWaitForKeys(t *testing.T) {
	for name, away := range map[string]func(context.Context) error{
		"failing":   func(context.Context) error { return errors.New("unavailable") },
		"panicking": func(context.Context) error { panic("unavailable") },
		"hanging":   func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	} {
		for kind, use := range map[string]func(*remoteKeys) dispatcher.Option{
			"key":     func(k *remoteKeys) dispatcher.Option { return dispatcher.WithSigner(signer.Ed25519(k)) },
			"keyring": func(k *remoteKeys) dispatcher.Option { return dispatcher.WithKeyring(k) },
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					keys := newRemoteKeys(t)
					e := newEngine(t, memstore.New(), &receiver{}, use(keys), dispatcher.WithRetry(dispatcher.Schedule()))
					defer start(t, e)()
					register(t, e, dispatcher.EndpointConfig{})
					keys.away.Store(&away)
					rcpt := publish(t, e, dispatcher.Event{})
					elapse(7 * 24 * time.Hour)
					d := delivery(t, e, rcpt.Deliveries[0].ID)
					if d.State != dispatcher.StatePending || d.Attempts != 0 || d.Tries != 0 || d.Interrupted != 0 || d.Reason != dispatcher.CodeUnsendable {
						t.Errorf("while it is away: %+v", d)
					}
					keys.away.Store(nil)
					elapse(time.Minute)
					if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered || d.Tries != 1 {
						t.Errorf("afterwards: %+v", d)
					}
				})
			})
		}
	}
}

// However many deliveries wait for a key, the log tells of it once a second.
func TestKeysThatAreAwayAreLoggedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const deliveries = 500
		keys, logs := newRemoteKeys(t), bytes.Buffer{}
		away := func(context.Context) error { return errors.New("unavailable") }
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithKeyring(keys), dispatcher.WithSigner(signer.Ed25519(keys)),
			dispatcher.WithLogger(slog.New(slog.NewTextHandler(&logs, nil))))
		stop := start(t, e)
		register(t, e, dispatcher.EndpointConfig{})
		keys.away.Store(&away)
		for range deliveries {
			publish(t, e, dispatcher.Event{})
		}
		elapse(5 * time.Minute)
		stop()
		n := strings.Count(logs.String(), "unavailable")
		if n == 0 || n > 5*60 {
			t.Errorf("%d lines", n)
		}
		// Each one has been tried ten times: none is missing from the account.
		told := n
		for _, m := range regexp.MustCompile(`more=(\d+)`).FindAllStringSubmatch(logs.String(), -1) {
			more, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			told += more
		}
		if told < 9*deliveries {
			t.Errorf("%d of about %d are told of", told, 10*deliveries)
		}
	})
}

// A key that answers late leaves as much of the lease as the request may take.
func TestKeysThatAnswerLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newRemoteKeys(t)
		var left time.Duration
		late := func(ctx context.Context) error {
			at, ok := ctx.Deadline()
			if !ok {
				t.Error("there is no deadline")
			}
			left = time.Until(at)
			time.Sleep(left - time.Millisecond)
			return ctx.Err()
		}
		e := newEngine(t, memstore.New(), &receiver{answer: hang}, dispatcher.WithSigner(signer.Ed25519(keys)),
			dispatcher.WithAttemptTimeout(30*time.Second), dispatcher.WithLeaseMargin(10*time.Second))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		keys.away.Store(&late)
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Minute)
		d := delivery(t, e, rcpt.Deliveries[0].ID)
		if d.Attempts != 1 || d.Expiries != 0 || d.Reason != dispatcher.CodeTimeout {
			t.Errorf("%+v; the key had %v", d, left)
		}
	})
}

// A key of a keyring can go when all that was sealed with it has been replaced and
// has ended, whether or not the store has forgotten it.
func TestKeysThatAreNotNeededAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, rc := memstore.New(), &receiver{}
		engine := func(ids ...string) *dispatcher.Engine {
			var keys []dispatcher.Key
			for _, id := range ids {
				keys = append(keys, dispatcher.Key{ID: id, Bytes: []byte(strings.Repeat(id, 32))})
			}
			keyring, err := dispatcher.StaticKeyring(keys...)
			if err != nil {
				t.Fatal(err)
			}
			return newEngine(t, s, rc, dispatcher.WithKeyring(keyring))
		}
		ep := register(t, engine("1"), dispatcher.EndpointConfig{})
		if _, err := engine("2", "1").RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: time.Hour}); err != nil {
			t.Fatal(err)
		}
		e := engine("2")
		defer start(t, e)()
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(50 * time.Minute)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StatePending {
			t.Errorf("while a secret still signs that cannot be opened: %+v", d)
		}
		elapse(11 * time.Minute)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered || d.Tries != 1 {
			t.Errorf("when it has ended: %+v", d)
		}
	})
}

// What can never be signed is not waited for.
func TestSecretsThatDoNotFitFailDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		secret, err := signer.NewSecret("not base64")
		if err != nil {
			t.Fatal(err)
		}
		before := newEngine(t, s, &receiver{}, dispatcher.WithSigner(signer.GitHub()))
		register(t, before, dispatcher.EndpointConfig{Secret: secret})
		e := newEngine(t, s, &receiver{})
		defer start(t, e)()
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		d := delivery(t, e, rcpt.Deliveries[0].ID)
		attempts, err := e.Attempts(t.Context(), d.ID)
		if err != nil || d.State != dispatcher.StateFailed || d.Reason != dispatcher.CodeUnsendable ||
			len(attempts) != 1 || !strings.Contains(attempts[0].Error, "base64") {
			t.Errorf("%+v, %+v, %v", d, attempts, err)
		}
	})
}
