package dispatcher

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// Option configures an [Engine]. Options are validated together by [New]. Of one
// that is given twice the later counts, but for those that say that they add.
type Option func(*config)

type config struct {
	signer     signer.Signer
	envelope   Envelope
	jsonForm   JSONForm
	eventIDs   IDFormat
	catalog    *Catalog
	maxPayload int

	retry         RetryPolicy
	classify      func(Result) Verdict
	maxRetryAfter time.Duration

	concurrency int
	maxInFlight int
	timeout     time.Duration
	leaseMargin time.Duration
	slowAfter   time.Duration

	transport       http.RoundTripper
	plainHTTP       bool
	allowedPrefixes []netip.Prefix
	allowPrivate    bool
	rootCAs         *x509.CertPool
	clientCerts     []tls.Certificate
	maxResponseBody int
	userAgent       string

	keyring          Keyring
	plaintextSecrets bool

	pollInterval time.Duration
	drainTimeout time.Duration
	retention    time.Duration
	crashes      CrashPolicy

	observers []Observer
	hooks     []SendHook
	logger    *slog.Logger
}

func defaults() config {
	return config{
		signer:          signer.StandardWebhooks(),
		envelope:        StandardEnvelope(),
		maxPayload:      256 << 10,
		retry:           DefaultRetry(),
		classify:        Classify,
		maxRetryAfter:   24 * time.Hour,
		concurrency:     128,
		maxInFlight:     16,
		timeout:         30 * time.Second,
		leaseMargin:     30 * time.Second,
		slowAfter:       time.Second,
		maxResponseBody: 16 << 10,
		userAgent:       "Postrider/1 (webhooks)",
		drainTimeout:    35 * time.Second,
		retention:       30 * 24 * time.Hour,
		logger:          slog.New(slog.DiscardHandler),
	}
}

// WithSigner sets how requests are signed. Default:
// [signer.StandardWebhooks].
func WithSigner(s signer.Signer) Option { return func(c *config) { c.signer = s } }

// WithEnvelope sets what a body looks like. Default: [StandardEnvelope].
func WithEnvelope(e Envelope) Option { return func(c *config) { c.envelope = e } }

// WithJSONForm sets the exact form of JSON bodies. Default: [Verbatim].
func WithJSONForm(f JSONForm) Option { return func(c *config) { c.jsonForm = f } }

// WithEventIDs sets how ids of events look. Default: "msg_" and 26 characters
// that sort by time.
func WithEventIDs(f IDFormat) Option { return func(c *config) { c.eventIDs = f } }

// WithMaxPayload bounds the encoded body of an event, in bytes. Default: 256
// KiB. At most 16 MiB.
func WithMaxPayload(bytes int) Option { return func(c *config) { c.maxPayload = bytes } }

// WithRetry sets when failed attempts are repeated; endpoints may have a
// schedule of their own. Default: [DefaultRetry].
func WithRetry(p RetryPolicy) Option { return func(c *config) { c.retry = p } }

// WithClassifier sets what follows from an attempt. It must be quick and safe
// for concurrent use; if it panics, [Classify] decides. Default: [Classify].
func WithClassifier(f func(Result) Verdict) Option { return func(c *config) { c.classify = f } }

// WithMaxRetryAfter bounds what a Retry-After header can ask for. Default: 24
// h. At most 90 days; 0 heeds none.
func WithMaxRetryAfter(d time.Duration) Option { return func(c *config) { c.maxRetryAfter = d } }

// WithConcurrency sets how many attempts this engine makes at once. Attempts
// that have been under way for longer than [WithSlowAfter] count apart, up to
// eight times as many, so that receivers which hang take no place from others.
// Starts are spaced: of attempts that have not ended, 16 for each processor
// began within the last 2 ms at most; to endpoints that can answer within a few
// milliseconds, within twice the time that such answers take at present, up to
// 20 ms. On durable stores more than the default make claims larger. Default:
// 128. At most 100,000.
func WithConcurrency(n int) Option { return func(c *config) { c.concurrency = n } }

// WithMaxInFlight sets how many attempts this engine makes at once to one
// endpoint. It begins with fewer and doubles while the endpoint answers.
// Default: 16. At most 10,000.
func WithMaxInFlight(n int) Option { return func(c *config) { c.maxInFlight = n } }

// WithAttemptTimeout sets the deadline of an attempt, from connecting to the
// last byte of the answer. Default: 30 s (Standard Webhooks recommends 15 to
// 30 s). At least 1 ms and at most 1 h.
func WithAttemptTimeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// WithLeaseMargin sets by how much a lease is longer than the attempt timeout.
// It must cover the storing of an outcome; what a killed process held is taken
// up again after timeout and margin. A remote key, of a keyring or a signer, has half
// of it to answer, or the attempt timeout if that is less. Default: 30 s. At least
// 100 ms and at most 1 h.
func WithLeaseMargin(d time.Duration) Option { return func(c *config) { c.leaseMargin = d } }

// WithSlowAfter sets when an attempt counts as slow; see [WithConcurrency].
// Default: 1 s. At least 1 ms and at most 1 h.
func WithSlowAfter(d time.Duration) Option { return func(c *config) { c.slowAfter = d } }

// WithTransport replaces the transport; nil does not. The guard against private
// addresses, the limits on response headers and the refusal of proxies are then
// the host's own task, and so are certificates: [WithRootCAs] and
// [WithClientCertificates] are refused beside it. Redirects are not followed
// either way.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithPlainHTTP admits endpoints with http URLs. A receiver on the same machine
// needs [WithPrivateAddresses] as well. Default: https alone.
func WithPlainHTTP() Option { return func(c *config) { c.plainHTTP = true } }

// WithPrivateAddresses lets requests reach addresses that are not public: the
// prefixes given, or, with none, loopback and the private networks (RFC 1918,
// RFC 4193). Everything else that is not globally reachable stays refused, as do
// the metadata services of clouds that lie inside these or have a public address,
// unless a prefix given here holds them. Given twice, it adds. Default: public
// addresses alone.
func WithPrivateAddresses(prefixes ...netip.Prefix) Option {
	return func(c *config) {
		c.allowPrivate = c.allowPrivate || len(prefixes) == 0
		c.allowedPrefixes = append(slices.Clip(c.allowedPrefixes), prefixes...)
	}
}

// WithRootCAs sets what certificates of receivers are verified against. Default,
// also for nil: the system's. Verification cannot be switched off.
func WithRootCAs(pool *x509.CertPool) Option { return func(c *config) { c.rootCAs = pool } }

// WithClientCertificates offers certificates to receivers that ask for one.
// Default: none.
func WithClientCertificates(certs ...tls.Certificate) Option {
	return func(c *config) { c.clientCerts = slices.Clone(certs) }
}

// WithMaxResponseBody sets how much of an answer's body is kept with the
// attempt, in bytes. Default: 16 KiB. At most 1 MiB; 0 keeps none, nor does less.
func WithMaxResponseBody(bytes int) Option {
	if bytes == 0 {
		bytes = -1 // to egress 0 is its default
	}
	return func(c *config) { c.maxResponseBody = bytes }
}

// WithUserAgent sets the User-Agent header; "" sends none. Default:
// "Postrider/1 (webhooks)".
func WithUserAgent(s string) Option { return func(c *config) { c.userAgent = s } }

// WithKeyring sets what seals secrets and custom headers before the store sees
// them. A durable store needs one, unless [WithPlaintextSecrets] is given. For a
// store that dies with the process the default is a random key of the process.
func WithKeyring(k Keyring) Option { return func(c *config) { c.keyring = k } }

// WithPlaintextSecrets lets secrets and custom headers be stored as they are.
// Whoever can read the database can then sign as you.
func WithPlaintextSecrets() Option { return func(c *config) { c.plaintextSecrets = true } }

// WithPollInterval sets how often the engine looks for work that nobody told
// it of. Default, also for 0: 1 s on a store that other processes share, 1 min
// otherwise. At least 1 ms and at most 1 h.
func WithPollInterval(d time.Duration) Option { return func(c *config) { c.pollInterval = d } }

// WithDrainTimeout sets how long [Engine.Run] lets attempts in flight finish
// after its context ended. Default: 35 s. At most 1 h; 0 cuts them off at once.
func WithDrainTimeout(d time.Duration) Option { return func(c *config) { c.drainTimeout = d } }

// WithRetention sets how long events are kept after their last delivery
// changed; it is also how long an idempotency key is remembered. Default: 30
// days. At least 1 s and at most 100 years; 0 keeps everything.
func WithRetention(d time.Duration) Option { return func(c *config) { c.retention = d } }

// CrashPolicy says what to do with a delivery that was claimed and not
// answered for, several times in a row: it may be what ends the process, or it
// may merely have been there. A zero field takes its default.
type CrashPolicy struct {
	// Suspect is the number of consecutive expired leases from which on the
	// delivery is tried alone, after delays that double; default 3.
	Suspect int
	// Fail is the number from which on it is failed, with [CodeCrashing]; after
	// the first Suspect ones, only leases count that expired while the delivery
	// was tried alone. Default 10, or three times Suspect if that is more.
	Fail int
	// Settled is how long a process must have run before it tries a suspect, so
	// that a host which crashes soon after every start fails no delivery;
	// default 30 s, at most 1 h.
	Settled time.Duration
}

// WithCrashPolicy sets what happens to deliveries whose leases expire again and
// again. Default: the zero [CrashPolicy], which has the defaults of its fields.
func WithCrashPolicy(p CrashPolicy) Option { return func(c *config) { c.crashes = p } }

// WithObserver adds an observer. Several may be added. Default: none.
func WithObserver(o Observer) Option {
	return func(c *config) { c.observers = append(slices.Clip(c.observers), o) }
}

// WithLogger sets where the engine logs. Default: nowhere.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// check completes defaults that depend on the store and validates.
func (c *config) check(info store.Info) error {
	switch {
	case c.signer == nil:
		return invalid("signer", "must not be nil")
	case c.envelope == nil:
		return invalid("envelope", "must not be nil")
	case c.classify == nil:
		return invalid("classifier", "must not be nil")
	case c.logger == nil:
		return invalid("logger", "must not be nil")
	case c.jsonForm > ASCII:
		return invalid("jsonForm", "is not one of Verbatim, JavaScript and ASCII")
	case c.maxPayload < 1 || c.maxPayload > 16<<20:
		return invalid("maxPayload", "must be between 1 byte and 16 MiB")
	case c.maxResponseBody > 1<<20:
		return invalid("maxResponseBody", "must be at most 1 MiB")
	case c.concurrency < 1 || c.concurrency > 100_000:
		return invalid("concurrency", "must be between 1 and 100000")
	case c.maxInFlight < 1 || c.maxInFlight > maxMaxInFlight:
		return invalid("maxInFlight", "must be between 1 and %d", maxMaxInFlight)
	}
	if err := signer.Validate(c.signer); err != nil {
		// The field is a part of the signer, such as a key, and so of the reason.
		return invalid("signer", "is not usable: %s", strings.TrimPrefix(err.Error(), "signer: "))
	}
	for i, p := range c.allowedPrefixes {
		if !p.IsValid() {
			return invalid(fmt.Sprintf("privateAddresses[%d]", i), "is not a valid prefix")
		}
	}
	if err := c.checkCertificates(); err != nil {
		return err
	}
	if e, ok := c.envelope.(interface{ check(JSONForm) error }); ok {
		if err := e.check(c.jsonForm); err != nil {
			return err
		}
	}
	if err := c.eventIDs.check(); err != nil {
		return err
	}
	if err := checkPolicy(c.retry); err != nil {
		return err
	}
	if c.userAgent != "" {
		if err := egress.CheckHeader("User-Agent", c.userAgent); err != nil {
			return invalid("userAgent", "%s", reasonOf(err))
		}
	}
	if err := c.checkTimes(info); err != nil {
		return err
	}
	if err := c.crashes.complete(); err != nil {
		return err
	}
	return c.checkKeyring(info)
}

// checkCertificates finds those that would not be used: a receiver would be refused, or
// trusted for another reason than the host thinks.
func (c *config) checkCertificates() error {
	const beside = "has no effect beside WithTransport: set it in the transport"
	switch {
	case c.transport != nil && c.rootCAs != nil:
		return invalid("rootCAs", beside)
	case c.transport != nil && len(c.clientCerts) > 0:
		return invalid("clientCertificates", beside)
	}
	for i := range c.clientCerts {
		if len(c.clientCerts[i].Certificate) == 0 {
			return invalid(fmt.Sprintf("clientCertificates[%d]", i), "holds no certificate")
		}
	}
	return nil
}

func (c *config) checkTimes(info store.Info) error {
	if c.pollInterval == 0 {
		c.pollInterval = time.Minute
		if info.Shared {
			c.pollInterval = time.Second
		}
	}
	for _, f := range []struct {
		name     string
		d        time.Duration
		min, max time.Duration
	}{
		{"attemptTimeout", c.timeout, time.Millisecond, time.Hour},
		{"leaseMargin", c.leaseMargin, 100 * time.Millisecond, time.Hour},
		{"slowAfter", c.slowAfter, time.Millisecond, time.Hour},
		{"maxRetryAfter", c.maxRetryAfter, 0, maxDelay},
		{"pollInterval", c.pollInterval, time.Millisecond, time.Hour},
		{"drainTimeout", c.drainTimeout, 0, time.Hour},
		{"retention", c.retention, 0, 100 * 365 * 24 * time.Hour},
	} {
		if err := checkDuration(f.name, f.d, f.min, f.max); err != nil {
			return err
		}
	}
	if c.retention > 0 && c.retention < time.Second {
		return invalid("retention", "must be 0 or at least 1 s, is %v", c.retention) // a number without its unit
	}
	return nil
}

func (p *CrashPolicy) complete() error {
	if p.Suspect == 0 {
		p.Suspect = 3
	}
	if p.Fail == 0 {
		p.Fail = max(10, 3*p.Suspect)
	}
	if p.Settled == 0 {
		p.Settled = 30 * time.Second
	}
	switch {
	case p.Suspect < 1:
		return invalid("crashPolicy.suspect", "must be at least 1")
	case p.Fail <= p.Suspect:
		return invalid("crashPolicy.fail", "must be greater than suspect")
	}
	return checkDuration("crashPolicy.settled", p.Settled, 0, time.Hour)
}

func (c *config) checkKeyring(info store.Info) error {
	switch {
	case c.keyring != nil && c.plaintextSecrets:
		return invalid("keyring", "contradicts WithPlaintextSecrets")
	case c.keyring != nil, c.plaintextSecrets:
		return nil
	case info.Durable:
		return invalid("keyring", "must be given for a durable store (%s), or WithPlaintextSecrets", info.Name)
	}
	var err error
	c.keyring, err = processKeyring()
	return err
}

// callClassify contains panics of the host's classifier.
func (e *Engine) callClassify(r Result) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			e.cfg.logger.Error("classifier panicked", "panic", p, "stack", string(debug.Stack()))
			v = Classify(r)
		}
	}()
	return e.cfg.classify(r)
}
