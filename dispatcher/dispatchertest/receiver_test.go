package dispatchertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/dispatchertest"
	"github.com/postrider/postrider/signer"
)

// arrange returns a receiver and a running engine that reaches it.
func arrange(t *testing.T, tb dispatchertest.TB, opts []dispatcher.Option, ropts ...dispatchertest.ReceiverOption) (*dispatchertest.Receiver, *dispatcher.Engine) {
	t.Helper()
	rcv := dispatchertest.NewReceiver(tb, ropts...)
	e := newEngine(t, append(rcv.Options(), opts...)...)
	dispatchertest.Run(tb, e)
	return rcv, e
}

// quick retries at once, n times.
func quick(n int) dispatcher.Option {
	return dispatcher.WithRetry(dispatcher.Schedule(slices.Repeat([]time.Duration{time.Millisecond}, n)...))
}

func TestReceiverKeepsVerifiedRequests(t *testing.T) {
	rcv, e := arrange(t, t, nil)
	c := rcv.Endpoint("invoice.*")
	c.URL += "/hooks?x=1"
	c.Headers = map[string]string{"X-Team": "billing"}
	register(t, e, c)
	before := time.Now()
	r := publish(t, e, dispatcher.Event{Type: "invoice.paid", Payload: invoice{1900}})
	publish(t, e, dispatcher.Event{Type: "order.sent"})

	got := rcv.Wait(1, limit)[0]
	stored, err := e.Event(t.Context(), r.EventID)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case got.Message.ID != r.EventID, string(got.Message.Body) != string(stored.Body):
		t.Errorf("message %+v, want event %s with %s", got.Message, r.EventID, stored.Body)
	case string(got.Body) != string(stored.Body):
		t.Errorf("body %s, want %s", got.Body, stored.Body)
	case got.Path != "/hooks?x=1", got.Header.Get("X-Team") != "billing", got.Header.Get("Webhook-Id") != r.EventID:
		t.Errorf("path %s, header %v", got.Path, got.Header)
	case got.At.Before(before):
		t.Errorf("arrived at %v, before it was published", got.At)
	}
	if d := dispatchertest.AwaitReceipt(t, e, limit, r); d[0].State != dispatcher.StateDelivered || d[0].LastStatus != 200 {
		t.Errorf("delivery %+v, want it delivered with status 200", d[0])
	}
	if n := len(rcv.Requests()); n != 1 {
		t.Errorf("%d requests, want 1: nothing else matches", n)
	}
}

// Statuses are used up in order, before the function, before 200.
func TestReceiverAnswersAsTold(t *testing.T) {
	rcv, e := arrange(t, t, []dispatcher.Option{quick(5)})
	register(t, e, rcv.Endpoint())
	statuses := func() (got []int) {
		t.Helper()
		d := dispatchertest.AwaitReceipt(t, e, limit, publish(t, e, dispatcher.Event{}))[0]
		attempts, err := e.Attempts(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attempts {
			got = append(got, a.Status)
		}
		return got
	}
	rcv.Respond(500, 301)
	rcv.Respond(503)
	if got := statuses(); !slices.Equal(got, []int{500, 301, 503, 200}) {
		t.Errorf("statuses %v", got)
	}
	calls := 0
	rcv.Respond(502)
	rcv.RespondFunc(func(w http.ResponseWriter, r *http.Request) {
		m, ok := signer.MessageFromContext(r.Context())
		body, err := io.ReadAll(r.Body)
		if !ok || err != nil || string(body) != string(m.Body) || len(body) == 0 {
			t.Errorf("message %+v, body %s, %v", m, body, err)
		}
		if calls++; calls == 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(202)
	})
	if got := statuses(); !slices.Equal(got, []int{502, 0, 202}) {
		t.Errorf("statuses %v", got)
	}
	rcv.RespondFunc(nil)
	if got := statuses(); !slices.Equal(got, []int{200}) {
		t.Errorf("statuses %v", got)
	}
}

func TestReceiverRefusesWhatDoesNotVerify(t *testing.T) {
	for _, expected := range []bool{false, true} {
		var p probe
		var opts []dispatchertest.ReceiverOption
		if expected {
			opts = append(opts, dispatchertest.WithRejections())
		}
		rcv, e := arrange(t, &p, []dispatcher.Option{quick(0)}, opts...)
		c := rcv.Endpoint()
		c.Secret = signer.GenerateSecret()
		register(t, e, c)
		d := dispatchertest.AwaitReceipt(t, e, limit, publish(t, e, dispatcher.Event{}))[0]
		if d.LastStatus != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", d.LastStatus)
		}
		rcv.RequireNone()
		if r := rcv.Rejected(); len(r) != 1 || !errors.Is(r[0], signer.ErrMismatch) {
			t.Errorf("rejected %v, want a mismatch", r)
		}
		if log := p.logged(); (log == "") != expected || !expected && !strings.Contains(log, "mismatch") {
			t.Errorf("rejections expected: %t; log %q", expected, log)
		}

		rcv.Trust(c.Secret)
		if d := dispatchertest.AwaitReceipt(t, e, limit, publish(t, e, dispatcher.Event{}))[0]; d.LastStatus != 200 {
			t.Errorf("status %d with a secret that is trusted, want 200", d.LastStatus)
		}
		p.wantFatal(t, "1 arrived, 1 were refused (signer: signature mismatch", rcv.RequireNone)
		p.end()
	}
}

func TestReceiverVerifiesOtherSchemes(t *testing.T) {
	for _, scheme := range []signer.Scheme{signer.GitHub(), signer.Stripe()} {
		rcv, e := arrange(t, t, []dispatcher.Option{dispatcher.WithSigner(scheme)}, dispatchertest.WithVerifier(scheme))
		register(t, e, rcv.Endpoint())
		publish(t, e, dispatcher.Event{})
		rcv.Wait(1, limit)
	}
}

func TestReceiverRefusesWrongUse(t *testing.T) {
	var p probe
	defer p.end()
	p.wantFatal(t, "option 0 is nil", func() { dispatchertest.NewReceiver(&p, nil) })
	p.wantFatal(t, "verifier is nil", func() { dispatchertest.NewReceiver(&p, dispatchertest.WithVerifier(nil)) })
	p.wantFatal(t, "header", func() { dispatchertest.NewReceiver(&p, dispatchertest.WithVerifier(signer.HMAC("a b", signer.Hex))) })
	for _, status := range []int{0, 199, 600} {
		p.wantFatal(t, "no final HTTP status", func() { dispatchertest.NewReceiver(&p).Respond(200, status) })
	}
}

func TestReceiverNext(t *testing.T) {
	var p probe
	defer p.end()
	rcv, e := arrange(t, &p, nil)
	register(t, e, rcv.Endpoint())
	for range 3 {
		r := publish(t, e, dispatcher.Event{})
		var got dispatchertest.Request
		if log, _ := p.run(func() { got = rcv.Next(t.Context()) }); got.Message.ID != r.EventID {
			t.Errorf("got %q, want %q; %s", got.Message.ID, r.EventID, log)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.wantFatal(t, "no further request arrived: context canceled; 3 arrived", func() { rcv.Next(ended) })
	p.wantFatal(t, "waited 1ms for 4 requests; 3 arrived", func() { rcv.Wait(4, time.Millisecond) })
	if n := len(rcv.Wait(2, limit)); n != 3 {
		t.Errorf("Wait returned %d, want all 3", n)
	}
}

// The mistake that everybody makes is named.
func TestReceiverTellsOfAnEngineWithoutOptions(t *testing.T) {
	var p probe
	defer p.end()
	rcv := dispatchertest.NewReceiver(&p)
	e := newEngine(t, dispatcher.WithPrivateAddresses(), quick(0))
	dispatchertest.Run(&p, e)
	register(t, e, rcv.Endpoint())
	if d := dispatchertest.AwaitReceipt(t, e, limit, publish(t, e, dispatcher.Event{}))[0]; d.Reason != dispatcher.CodeTLS {
		t.Fatalf("reason %q, want %q", d.Reason, dispatcher.CodeTLS)
	}
	// The server may learn of the alert after the client has moved on.
	log := ""
	for deadline := time.Now().Add(limit); time.Now().Before(deadline) && !strings.Contains(log, "Receiver.Options"); {
		log, _ = p.run(func() { rcv.Wait(1, time.Millisecond) })
	}
	if !strings.Contains(log, "was the engine made with Receiver.Options?") {
		t.Errorf("log %q", log)
	}
}

func TestReceiverReportsPanicsOfTheTest(t *testing.T) {
	var p probe
	defer p.end()
	rcv, e := arrange(t, &p, []dispatcher.Option{quick(0)})
	register(t, e, rcv.Endpoint())
	rcv.RespondFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })
	if d := dispatchertest.AwaitReceipt(t, e, limit, publish(t, e, dispatcher.Event{}))[0]; d.Reason != dispatcher.CodeBroken {
		t.Errorf("reason %q, want %q", d.Reason, dispatcher.CodeBroken)
	}
	if log := p.logged(); !strings.Contains(log, "panicked in the Receiver: oops") {
		t.Errorf("log %q", log)
	}
}

// A function that hangs is let go by the end of the test, also when the engine
// waits for it.
func TestReceiverLetsHangingFunctionsGo(t *testing.T) {
	var p probe
	rcv, e := arrange(t, &p, nil)
	register(t, e, rcv.Endpoint())
	gone := make(chan struct{})
	rcv.RespondFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	})
	publish(t, e, dispatcher.Event{})
	rcv.Wait(1, limit)
	p.end()
	select {
	case <-gone:
	case <-time.After(limit):
		t.Error("it still hangs")
	}
	if log := p.logged(); log != "" {
		t.Errorf("log %q", log)
	}
}
