package dispatcher_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// verifies tells whether the secret verifies the last request.
func verifies(t *testing.T, rc *receiver, v signer.Verifier, s signer.Secret) bool {
	t.Helper()
	log := rc.log()
	last := log[len(log)-1]
	_, err := v.Verify(last.header, last.body, s)
	if err != nil && !errors.Is(err, signer.ErrMismatch) && !errors.Is(err, signer.ErrStale) { // stale is authentic
		t.Fatal(err)
	}
	return !errors.Is(err, signer.ErrMismatch)
}

func TestRotationWithGraceSignsWithBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		ep, old, err := e.Register(t.Context(), dispatcher.EndpointConfig{URL: "https://a.example/", Events: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		scheme := signer.StandardWebhooks()
		check := func(when string, wantOld, wantNew bool, fresh signer.Secret) {
			t.Helper()
			publish(t, e, dispatcher.Event{})
			synctest.Wait()
			if got := verifies(t, rc, scheme, old); got != wantOld {
				t.Errorf("%s: the old secret verifies: %v", when, got)
			}
			if fresh.IsZero() {
				return
			}
			if got := verifies(t, rc, scheme, fresh); got != wantNew {
				t.Errorf("%s: the new secret verifies: %v", when, got)
			}
		}
		check("before", true, false, signer.Secret{})
		fresh, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		check("in the grace period", true, true, fresh)
		elapse(59 * time.Minute)
		check("near its end", true, true, fresh)
		elapse(time.Minute)
		check("after it", false, true, fresh)

		last, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: dispatcher.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		check("without grace", false, true, last)
		if verifies(t, rc, scheme, fresh) {
			t.Error("a secret rotated away without grace still signs")
		}
	})
}

// However often a secret is rotated, there is room for all signatures.
func TestRotationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithSigner(signer.StandardWebhooksDual(key, key, key, key)))
		defer start(t, e)()
		ep, first, err := e.Register(t.Context(), dispatcher.EndpointConfig{URL: "https://a.example/", Events: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		scheme := signer.StandardWebhooks()
		check := func(s signer.Secret, want bool) {
			t.Helper()
			r := publish(t, e, dispatcher.Event{})
			elapse(time.Second)
			if d := delivery(t, e, r.Deliveries[0].ID); d.State != dispatcher.StateDelivered {
				t.Errorf("the delivery is %v, %s", d.State, d.Reason)
			} else if got := verifies(t, rc, scheme, s); got != want {
				t.Errorf("the secret verifies: %v", got)
			}
		}
		last := first
		for range 7 {
			elapse(time.Minute)
			if last, err = e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{}); err != nil {
				t.Fatal(err)
			}
		}
		check(first, true)
		if _, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a ninth secret: %v, want ErrConflict", err)
		}
		if _, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Prepare: true}); err != nil {
			t.Fatal(err)
		}
		if err := e.SwitchSecret(t.Context(), ep.ID); !errors.Is(err, store.ErrConflict) {
			t.Errorf("switching to a ninth secret: %v, want ErrConflict", err)
		}
		check(last, true)
		elapse(24*time.Hour - 5*time.Minute)
		if err := e.SwitchSecret(t.Context(), ep.ID); err != nil {
			t.Errorf("when one has ended: %v", err)
		}
		check(last, true)
		fresh, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: dispatcher.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		check(last, false)
		check(fresh, true)
	})
}

func TestRotationOfASchemeWithOneSignatureIsPreparedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		scheme := signer.HMAC("X-Signature", signer.Hex)
		e := newEngine(t, memstore.New(), rc, dispatcher.WithSigner(scheme))
		defer start(t, e)()
		ep, old, err := e.Register(t.Context(), dispatcher.EndpointConfig{URL: "https://a.example/", Events: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SwitchSecret(t.Context(), ep.ID); !errors.Is(err, store.ErrConflict) {
			t.Errorf("switching to nothing: %v", err)
		}
		fresh, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, e, dispatcher.Event{})
		synctest.Wait()
		if !verifies(t, rc, scheme, old) || verifies(t, rc, scheme, fresh) {
			t.Error("a prepared secret signs")
		}
		if err := e.SwitchSecret(t.Context(), ep.ID); err != nil {
			t.Fatal(err)
		}
		publish(t, e, dispatcher.Event{})
		synctest.Wait()
		if verifies(t, rc, scheme, old) || !verifies(t, rc, scheme, fresh) {
			t.Error("after the switch the old secret signs, or the new one does not")
		}
		got, err := e.Endpoint(t.Context(), ep.ID)
		if err != nil || len(got.Secrets) != 1 || got.Secrets[0].Version != 2 || got.Secrets[0].Phase != dispatcher.SecretActive {
			t.Errorf("secrets: %+v, %v", got.Secrets, err)
		}
	})
}

// A prepared secret gives way to a newer one, prepared or not: a switch must not
// bring back what was rotated away from, nor may a version be used twice.
func TestPreparedSecretsGiveWay(t *testing.T) {
	for name, scheme := range map[string]signer.Scheme{"one": signer.GitHub(), "several": signer.StandardWebhooks()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithSigner(scheme))
				ep := register(t, e, dispatcher.EndpointConfig{})
				versions := map[int]time.Time{}
				rotate := func(r dispatcher.Rotation) {
					t.Helper()
					elapse(time.Second)
					if _, err := e.RotateSecret(t.Context(), ep.ID, r); err != nil {
						t.Fatal(err)
					}
					got, err := e.Endpoint(t.Context(), ep.ID)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range got.Secrets {
						if made, known := versions[s.Version]; known && !made.Equal(s.CreatedAt) {
							t.Errorf("version %d is of %v and of %v", s.Version, made, s.CreatedAt)
						}
						versions[s.Version] = s.CreatedAt
					}
				}
				rotate(dispatcher.Rotation{Prepare: true})
				rotate(dispatcher.Rotation{Grace: dispatcher.NoGrace})
				if err := e.SwitchSecret(t.Context(), ep.ID); !errors.Is(err, store.ErrConflict) {
					t.Errorf("switching to a secret that is older than the active one: %v, want ErrConflict", err)
				}
				rotate(dispatcher.Rotation{Grace: dispatcher.NoGrace})
			})
		})
	}
}

func TestRotationDuringRetriesSignsEachAttemptWithWhatIsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: func(_ *http.Request, n int) (*http.Response, error) {
			if n == 1 {
				return respond(500), nil
			}
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithRetry(dispatcher.Schedule(time.Hour)))
		defer start(t, e)()
		ep, _, err := e.Register(t.Context(), dispatcher.EndpointConfig{URL: "https://a.example/", Events: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, e, dispatcher.Event{})
		synctest.Wait()
		fresh, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: dispatcher.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		elapse(2 * time.Hour)
		log := rc.log()
		if len(log) != 2 || string(log[0].body) != string(log[1].body) {
			t.Fatalf("%d requests, or their bodies differ", len(log))
		}
		if first(log[0].header, "webhook-timestamp") == first(log[1].header, "webhook-timestamp") {
			t.Error("the timestamp of the retry is not fresh")
		}
		if !verifies(t, rc, signer.StandardWebhooks(), fresh) {
			t.Error("the retry is not signed with the new secret")
		}
	})
}
