package dispatchertest

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// Receiver is a receiver of webhooks: an HTTPS server on a port of this machine,
// for as long as the test lasts. It verifies the signature of every request,
// keeps the request, and answers 200 unless told otherwise. A request that does
// not verify is answered 401 and reported to the test by Errorf (but see
// [WithRejections]). Make one with [NewReceiver].
//
// An engine reaches it with [Receiver.Options]. An engine for plain http does not
// speak to it.
type Receiver struct {
	// URL is where it listens, without a path; requests to any path are taken.
	URL string

	t          TB
	server     *httptest.Server
	verifier   signer.Verifier
	rejections bool
	secret     signer.Secret

	board
	secrets  []signer.Secret
	requests []Request
	rejected []error
	// next is the index of the request that Next returns next.
	next    int
	script  []int
	respond http.HandlerFunc
	// handshake is the last error of a TLS handshake: most likely an engine that
	// was made without Options.
	handshake string
}

// Request is a request that a [Receiver] has verified.
type Request struct {
	// Message is what the signature covers: id and time, as far as the scheme
	// signs them, and the body.
	Message signer.Message
	// Path is that of the URL, with the query.
	Path string
	// Header is as net/http reads it: names are in their canonical form.
	Header http.Header
	Body   []byte
	// At is when it had arrived.
	At time.Time
}

// ReceiverOption configures a [Receiver].
type ReceiverOption func(*Receiver)

// WithVerifier sets how signatures are verified, to fit the engine's
// [dispatcher.WithSigner]. Default: [signer.StandardWebhooks].
func WithVerifier(v signer.Verifier) ReceiverOption { return func(rc *Receiver) { rc.verifier = v } }

// WithRejections says that requests which do not verify are expected: they are
// answered 401 as always, and not reported to the test. [Receiver.Rejected]
// returns why they were refused.
func WithRejections() ReceiverOption { return func(rc *Receiver) { rc.rejections = true } }

// maxBody is above the largest body that an engine sends, 16 MiB.
const maxBody = 17 << 20

// NewReceiver starts a Receiver, which ends with the test.
func NewReceiver(t TB, opts ...ReceiverOption) *Receiver {
	t.Helper()
	rc := &Receiver{t: t, verifier: signer.StandardWebhooks(), secret: signer.GenerateSecret()}
	for i, opt := range opts {
		if opt == nil {
			t.Fatalf("dispatchertest: NewReceiver: option %d is nil", i)
		}
		opt(rc)
	}
	if rc.verifier == nil {
		t.Fatalf("dispatchertest: NewReceiver: the verifier is nil")
	}
	if err := signer.Validate(rc.verifier); err != nil {
		t.Fatalf("dispatchertest: NewReceiver: %v", err)
	}
	rc.secrets = []signer.Secret{rc.secret}
	rc.server = httptest.NewUnstartedServer(http.HandlerFunc(rc.serve))
	rc.server.Config.ErrorLog = log.New(handshakes{rc}, "", 0)
	rc.server.StartTLS()
	rc.URL = rc.server.URL
	t.Cleanup(func() {
		// A handler that hangs on purpose hears of it through its context.
		rc.server.CloseClientConnections()
		rc.server.Close()
	})
	return rc
}

// Options are those with which an engine reaches the Receiver, and any other one
// of this process: they trust its certificate ([dispatcher.WithRootCAs]) and
// admit the loopback addresses ([dispatcher.WithPrivateAddresses]). An engine with
// a transport of the host's own ([dispatcher.WithTransport]) is made without them,
// and with a transport that for the test trusts any certificate.
func (rc *Receiver) Options() []dispatcher.Option {
	pool := x509.NewCertPool()
	pool.AddCert(rc.server.Certificate())
	return []dispatcher.Option{
		dispatcher.WithRootCAs(pool),
		dispatcher.WithPrivateAddresses(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")),
	}
}

// Endpoint returns the configuration of an endpoint that sends the events to the
// Receiver; with no patterns, all events. It holds a secret that the Receiver
// knows.
func (rc *Receiver) Endpoint(patterns ...string) dispatcher.EndpointConfig {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	return dispatcher.EndpointConfig{Name: "Receiver", URL: rc.URL, Events: slices.Clone(patterns), Secret: rc.secret}
}

// Trust has the Receiver accept further secrets: one that was generated for an
// endpoint, or that a rotation made. Do so before anything signed with it can
// arrive.
func (rc *Receiver) Trust(secrets ...signer.Secret) {
	rc.change(func() { rc.secrets = append(rc.secrets, secrets...) })
}

// Respond says how the next requests are answered: each status answers one
// request, in the order of their arrival, before what [Receiver.RespondFunc]
// says. After the last one, that or 200 answers again.
func (rc *Receiver) Respond(statuses ...int) {
	rc.t.Helper()
	for _, status := range statuses {
		if status < 200 || status > 599 {
			rc.t.Fatalf("dispatchertest: Respond: %d is no final HTTP status", status)
		}
	}
	rc.change(func() { rc.script = append(rc.script, statuses...) })
}

// RespondFunc has f answer every request that no status of [Receiver.Respond]
// answers; nil restores 200. f finds the verified message with
// [signer.MessageFromContext], and can read the body. To break the connection,
// panic with [http.ErrAbortHandler]; to hang, wait for the end of the request's
// context, which the end of the test brings about too. Any other panic is
// reported to the test.
func (rc *Receiver) RespondFunc(f http.HandlerFunc) { rc.change(func() { rc.respond = f }) }

// Requests returns the requests verified so far, in the order of their arrival.
func (rc *Receiver) Requests() (all []Request) {
	rc.look(func() { all = slices.Clone(rc.requests) })
	return all
}

// Rejected returns why requests were refused, in the order of their arrival:
// errors of the verifier, such as a [*signer.VerifyError].
func (rc *Receiver) Rejected() (all []error) {
	rc.look(func() { all = slices.Clone(rc.rejected) })
	return all
}

// Next returns the earliest request that Next has not returned yet, and waits for
// it. It ends the test if ctx ends before, or after 10 s if ctx has no deadline.
// The request may not have been answered yet.
func (rc *Receiver) Next(ctx context.Context) (r Request) {
	rc.t.Helper()
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := rc.wait(ctx, func() bool {
		if rc.next == len(rc.requests) {
			return false
		}
		r = rc.requests[rc.next]
		rc.next++
		return true
	})
	if err != nil {
		rc.t.Fatalf("dispatchertest: no further request arrived: %v; %s", err, rc.seen())
	}
	return r
}

// Wait waits until n requests have been verified since the Receiver began, and
// returns all there are. It ends the test if that takes longer than the timeout.
// The last request may not have been answered yet.
func (rc *Receiver) Wait(n int, timeout time.Duration) (all []Request) {
	rc.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := rc.wait(ctx, func() bool {
		all = slices.Clone(rc.requests)
		return len(all) >= n
	})
	if err != nil {
		rc.t.Fatalf("dispatchertest: waited %v for %d requests; %s", timeout, n, rc.seen())
	}
	return all
}

// RequireNone ends the test if a request was verified. It does not wait: call it
// when nothing more is to come, such as after [AwaitReceipt].
func (rc *Receiver) RequireNone() {
	rc.t.Helper()
	if all := rc.Requests(); len(all) > 0 {
		rc.t.Fatalf("dispatchertest: no request was to arrive; %s; the first one: %.256q", rc.seen(), all[0].Body)
	}
}

// seen describes for a failure what arrived, and why there is not more.
func (rc *Receiver) seen() string {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	text := fmt.Sprintf("%d arrived", len(rc.requests))
	if n := len(rc.rejected); n > 0 {
		text += fmt.Sprintf(", %d were refused (%v)", n, rc.rejected[n-1])
	}
	if rc.handshake != "" {
		text += fmt.Sprintf(", a TLS handshake failed (%s): was the engine made with Receiver.Options?", rc.handshake)
	}
	return text
}

// handshakes is where the server logs.
type handshakes struct{ rc *Receiver }

func (h handshakes) Write(line []byte) (int, error) {
	if text := strings.TrimSpace(string(line)); strings.Contains(text, "TLS handshake") {
		h.rc.change(func() { h.rc.handshake = text })
	}
	return len(line), nil
}

func (rc *Receiver) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			rc.t.Errorf("dispatchertest: a function of the test panicked in the Receiver: %v", p)
		}
		panic(http.ErrAbortHandler) // net/http breaks the connection, and is quiet
	}()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		rc.reject(w, http.StatusRequestEntityTooLarge, err)
		return
	case err != nil:
		return // the sender has gone, and hears no answer
	}
	var secrets []signer.Secret
	rc.look(func() { secrets = rc.secrets[:len(rc.secrets):len(rc.secrets)] })
	message, err := rc.verifier.Verify(r.Header, body, secrets...)
	if err != nil {
		rc.reject(w, http.StatusUnauthorized, err)
		return
	}
	status, respond := 0, http.HandlerFunc(nil)
	rc.change(func() {
		rc.requests = append(rc.requests, Request{
			Message: message, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, At: time.Now(),
		})
		if len(rc.script) > 0 {
			status, rc.script = rc.script[0], rc.script[1:]
		}
		respond = rc.respond
	})
	switch {
	case status != 0:
		w.WriteHeader(status)
	case respond != nil:
		r = r.WithContext(signer.ContextWithMessage(r.Context(), message))
		r.Body = io.NopCloser(bytes.NewReader(body))
		respond(w, r)
	}
}

func (rc *Receiver) reject(w http.ResponseWriter, status int, err error) {
	rc.change(func() { rc.rejected = append(rc.rejected, err) })
	if !rc.rejections {
		rc.t.Errorf("dispatchertest: the Receiver refused a request: %v", err)
	}
	http.Error(w, "webhook refused", status)
}
