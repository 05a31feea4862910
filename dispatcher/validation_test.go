package dispatcher_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// refused checks that an error names the field and says why.
func refused(t *testing.T, what, field string, err error) {
	t.Helper()
	var v *dispatcher.ValidationError
	if !errors.As(err, &v) {
		t.Errorf("%s: %v, want a ValidationError", what, err)
		return
	}
	if v.Field != field || v.Reason == "" {
		t.Errorf("%s: field %q (%s), want %q", what, v.Field, v.Reason, field)
	}
}

func TestRegisterRefusesBadInput(t *testing.T) {
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	good := func() dispatcher.EndpointConfig {
		return dispatcher.EndpointConfig{URL: "https://example.com/hooks", Events: []string{"*"}}
	}
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("X-%d", i)] = "v"
		}
		return m
	}
	weak, _ := signer.NewSecret("not base64!")
	for _, c := range []struct {
		what, field string
		change      func(*dispatcher.EndpointConfig)
	}{
		{"no URL", "url", func(c *dispatcher.EndpointConfig) { c.URL = "" }},
		{"relative URL", "url", func(c *dispatcher.EndpointConfig) { c.URL = "/hooks" }},
		{"http", "url", func(c *dispatcher.EndpointConfig) { c.URL = "http://example.com/" }},
		{"another scheme", "url", func(c *dispatcher.EndpointConfig) { c.URL = "ftp://example.com/" }},
		{"user name", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://u@example.com/" }},
		{"password", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://u:p@example.com/" }},
		{"fragment", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://example.com/#x" }},
		{"control character", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://example.com/\x00" }},
		{"line break", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://example.com/\r\nX: y" }},
		{"port", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://example.com:99999/" }},
		{"private address", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://10.0.0.1/" }},
		{"loopback", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://[::1]/" }},
		{"metadata service", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://169.254.169.254/" }},
		{"number for an address", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://2130706433/" }},
		{"long URL", "url", func(c *dispatcher.EndpointConfig) { c.URL = "https://example.com/" + strings.Repeat("a", 3000) }},
		{"no events", "events", func(c *dispatcher.EndpointConfig) { c.Events = nil }},
		{"malformed pattern", "events[1]", func(c *dispatcher.EndpointConfig) { c.Events = []string{"a.b", "a.*.b"} }},
		{"too many patterns", "events", func(c *dispatcher.EndpointConfig) { c.Events = make([]string, 501) }},
		{"reserved header", `headers["host"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"host": "x"} }},
		{"idempotency key", `headers["Idempotency-Key"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"Idempotency-Key": "x"} }},
		{"signature header", `headers["Webhook-Signature"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"Webhook-Signature": "x"} }},
		{"malformed header name", `headers["X Y"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"X Y": "x"} }},
		{"header injection", `headers["X-Y"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"X-Y": "a\r\nB: c"} }},
		{"header twice", `headers["x-y"]`, func(c *dispatcher.EndpointConfig) { c.Headers = map[string]string{"X-Y": "a", "x-y": "b"} }},
		{"many headers", "headers", func(c *dispatcher.EndpointConfig) { c.Headers = many(51) }},
		{"many metadata", "metadata", func(c *dispatcher.EndpointConfig) { c.Metadata = many(51) }},
		{"metadata without a key", "metadata", func(c *dispatcher.EndpointConfig) { c.Metadata = map[string]string{"": "v"} }},
		{"long key of metadata", "metadata", func(c *dispatcher.EndpointConfig) { c.Metadata = map[string]string{strings.Repeat("k", 256): "v"} }},
		{"metadata with NUL", `metadata["k"]`, func(c *dispatcher.EndpointConfig) { c.Metadata = map[string]string{"k": "\x00"} }},
		{"name that is no UTF-8", "name", func(c *dispatcher.EndpointConfig) { c.Name = "\xff" }},
		{"long name", "name", func(c *dispatcher.EndpointConfig) { c.Name = strings.Repeat("n", 256) }},
		{"long description", "description", func(c *dispatcher.EndpointConfig) { c.Description = strings.Repeat("n", 4097) }},
		{"negative delay", "retry[0]", func(c *dispatcher.EndpointConfig) { c.Retry = []time.Duration{-1} }},
		{"negative cap", "maxInFlight", func(c *dispatcher.EndpointConfig) { c.MaxInFlight = -1 }},
		{"secret that the scheme cannot use", "secret", func(c *dispatcher.EndpointConfig) { c.Secret = weak }},
	} {
		config := good()
		c.change(&config)
		_, _, err := hooks.Register(t.Context(), config)
		refused(t, c.what, c.field, err)
		if err != nil && strings.Contains(err.Error(), "not base64!") {
			t.Errorf("%s: the error shows the secret", c.what)
		}
	}
	for ep, err := range hooks.Endpoints(t.Context(), dispatcher.EndpointFilter{}) {
		t.Errorf("something was registered: %+v, %v", ep, err)
	}
	for _, id := range []string{"a\x00b", "a\nb", "a\tb", "a\u0085b", "\xff", strings.Repeat("a", 256)} {
		_, _, err = hooks.Tenant(id).Register(t.Context(), good())
		refused(t, fmt.Sprintf("tenant %q", id), "tenant", err)
	}
}

func TestUpdateRefusesBadInputAndChangesNothing(t *testing.T) {
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	ep := register(t, hooks, dispatcher.EndpointConfig{Headers: map[string]string{"X-A": "1"}})
	bad := "http://example.com"
	_, err = hooks.Update(t.Context(), ep.ID, ep.Revision, dispatcher.EndpointUpdate{URL: &bad})
	refused(t, "http", "url", err)
	_, err = hooks.Update(t.Context(), ep.ID, 0, dispatcher.EndpointUpdate{})
	refused(t, "revision", "rev", err)
	_, err = hooks.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: -5})
	refused(t, "grace", "grace", err)
	after, err := hooks.Endpoint(t.Context(), ep.ID)
	if err != nil || after.Revision != ep.Revision || after.URL != ep.URL {
		t.Errorf("changed: %+v, %v", after, err)
	}
	name := "renamed"
	changed, err := hooks.Update(t.Context(), ep.ID, ep.Revision, dispatcher.EndpointUpdate{Name: &name})
	if err != nil || changed.Name != name || len(changed.HeaderNames) != 1 || changed.URL != ep.URL {
		t.Errorf("update of one field: %+v, %v", changed, err)
	}
	if _, err := hooks.Update(t.Context(), "ep_none", 1, dispatcher.EndpointUpdate{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("update of nothing: %v", err)
	}
}

func TestPublishRefusesBadInputAndStoresNothing(t *testing.T) {
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	register(t, hooks, dispatcher.EndpointConfig{})
	now := time.Now()
	for _, c := range []struct {
		what, field string
		e           dispatcher.Event
	}{
		{"no type", "type", dispatcher.Event{}},
		{"malformed type", "type", dispatcher.Event{Type: "a..b"}},
		{"dot in the id", "id", dispatcher.Event{Type: "a", ID: "a.b"}},
		{"long id", "id", dispatcher.Event{Type: "a", ID: strings.Repeat("x", 65)}},
		{"key beside an id", "key", dispatcher.Event{Type: "a", ID: "x", Key: "y"}},
		{"long key", "key", dispatcher.Event{Type: "a", Key: strings.Repeat("x", 256)}},
		{"payload that cannot be encoded", "payload", dispatcher.Event{Type: "a", Payload: make(chan int)}},
		{"time beyond RFC 3339", "time", dispatcher.Event{Type: "a", Time: now.AddDate(9000, 0, 0)}},
		{"at beyond RFC 3339", "at", dispatcher.Event{Type: "a", At: time.Unix(1<<60, 0)}},
		{"until beyond RFC 3339", "until", dispatcher.Event{Type: "a", Until: now.AddDate(9000, 0, 0)}},
		{"until in the past", "until", dispatcher.Event{Type: "a", Until: now.Add(-time.Second)}},
		{"until before at", "until", dispatcher.Event{Type: "a", At: now.Add(time.Hour), Until: now.Add(time.Minute)}},
	} {
		_, err := hooks.Publish(t.Context(), c.e)
		refused(t, c.what, c.field, err)
		_, err = hooks.PublishBatch(t.Context(), []dispatcher.Event{{Type: "good"}, c.e})
		refused(t, c.what+" in a batch", "events[1]."+c.field, err)
	}
	_, err = hooks.PublishTx(t.Context(), nil, dispatcher.Event{Type: "a"})
	refused(t, "no transaction", "tx", err)
	stats, err := hooks.Stats(t.Context(), dispatcher.StatsFilter{})
	if err != nil || stats.Total != (store.Counts{}) {
		t.Errorf("something was stored: %+v, %v", stats, err)
	}
	if rs, err := hooks.PublishBatch(t.Context(), nil); rs != nil || err != nil {
		t.Errorf("an empty batch: %v, %v", rs, err)
	}
}

// A list that nothing can be in is a slip of the pen, and must not look like one
// that is empty.
func TestFiltersThatNothingMatchesAreRefused(t *testing.T) {
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	register(t, hooks, dispatcher.EndpointConfig{})
	publish(t, hooks, dispatcher.Event{})
	now := time.Now()
	for field, f := range map[string]dispatcher.DeliveryFilter{
		"state": {State: dispatcher.StateCancelled + 1},
		"type":  {Type: "invoice.*"},
		"to":    {From: now, To: now},
	} {
		_, err := hooks.DeliveryPage(t.Context(), f, "", 0)
		refused(t, "page of deliveries", field, err)
		_, err = hooks.Operator().DeliveryPage(t.Context(), f, "", 0)
		refused(t, "operator's page of deliveries", field, err)
		for _, err := range hooks.Deliveries(t.Context(), f) {
			refused(t, "walk over deliveries", field, err)
		}
	}
	for field, r := range map[string]dispatcher.Recovery{
		"from": {},
		"to":   {From: now, To: now},
		"type": {From: now.Add(-time.Hour), Type: "invoice.*"},
	} {
		result, err := hooks.Recover(t.Context(), r)
		refused(t, "recovery", field, err)
		if result != (dispatcher.RecoveryResult{}) {
			t.Errorf("recovery with a wrong %s: %+v", field, result)
		}
	}
	unknown := dispatcher.EndpointFilter{Status: dispatcher.EndpointDisabled + 1}
	_, err = hooks.EndpointPage(t.Context(), unknown, "", 0)
	refused(t, "page of endpoints", "status", err)
	for _, err := range hooks.Endpoints(t.Context(), unknown) {
		refused(t, "walk over endpoints", "status", err)
	}
	for _, limit := range []int{-1, 1001} {
		_, err := hooks.DeliveryPage(t.Context(), dispatcher.DeliveryFilter{}, "", limit)
		refused(t, fmt.Sprint("limit ", limit), "limit", err)
	}
	good := dispatcher.DeliveryFilter{State: dispatcher.StatePending, Type: "invoice.paid", From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	if p, err := hooks.DeliveryPage(t.Context(), good, "", 0); err != nil || len(p.Items) != 1 {
		t.Errorf("the same fields, set well: %d deliveries, %v", len(p.Items), err)
	}
}

// time.Duration takes a number without its unit for nanoseconds; nobody means these.
func TestDurationsWithoutAUnitAreRefused(t *testing.T) {
	for field, opt := range map[string]dispatcher.Option{
		"attemptTimeout":      dispatcher.WithAttemptTimeout(30),
		"leaseMargin":         dispatcher.WithLeaseMargin(30),
		"slowAfter":           dispatcher.WithSlowAfter(1),
		"maxRetryAfter":       dispatcher.WithMaxRetryAfter(3600),
		"pollInterval":        dispatcher.WithPollInterval(5),
		"drainTimeout":        dispatcher.WithDrainTimeout(35),
		"retention":           dispatcher.WithRetention(30),
		"crashPolicy.settled": dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Settled: 30}),
		"retry[1]":            dispatcher.WithRetry(dispatcher.Jitter(0.1, dispatcher.Schedule(0, 300))),
		"retry.initial":       dispatcher.WithRetry(dispatcher.Exponential(dispatcher.ExponentialConfig{Initial: 5})),
	} {
		_, err := dispatcher.New(memstore.New(), opt)
		refused(t, field, field, err)
	}
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = hooks.Register(t.Context(), dispatcher.EndpointConfig{
		URL: "https://example.com/hooks", Events: []string{"*"}, Retry: []time.Duration{60, 300},
	})
	refused(t, "schedule of an endpoint", "retry[0]", err)
	ep := register(t, hooks, dispatcher.EndpointConfig{Retry: []time.Duration{0, time.Millisecond}})
	_, err = hooks.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{Grace: 24})
	refused(t, "grace", "grace", err)
}

// An error that is not about a field says which record it is about.
func TestErrorsNameTheRecord(t *testing.T) {
	hooks, err := dispatcher.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	ep := register(t, hooks, dispatcher.EndpointConfig{})
	_, stale := hooks.Update(t.Context(), ep.ID, ep.Revision+1, dispatcher.EndpointUpdate{})
	for _, c := range []struct {
		got, is error
		want    string
	}{
		{stale, store.ErrConflict, "endpoint " + ep.ID + " has revision 1, not 2: conflict"},
		{hooks.SwitchSecret(t.Context(), ep.ID), store.ErrConflict, "endpoint " + ep.ID + " has no prepared secret: conflict"},
		{hooks.Resend(t.Context(), "dlv_none"), store.ErrNotFound, "delivery dlv_none: not found"},
		// An id comes from a URL as often as not: it must not make lines of a log.
		{hooks.Resend(t.Context(), "x\nlevel=ERROR"), store.ErrNotFound, "delivery x\ufffdlevel=ERROR: not found"},
		{hooks.Resend(t.Context(), strings.Repeat("x", 1000)), store.ErrNotFound, "delivery " + strings.Repeat("x", 64) + "…: not found"},
	} {
		if !errors.Is(c.got, c.is) || c.got.Error() != c.want {
			t.Errorf("%v, want %s", c.got, c.want)
		}
	}
}

type durable struct{ store.Store }

func (d durable) Info() store.Info { return store.Info{Name: "durable", ID: "d", Durable: true} }

func TestNewRefusesIDsWithoutEnd(t *testing.T) {
	for _, length := range []int{-1, 65, math.MaxInt} {
		_, err := dispatcher.New(memstore.New(), dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "a", Length: length}))
		refused(t, fmt.Sprint(length), "eventIDs.length", err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	key, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k", Bytes: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	for field, opts := range map[string][]dispatcher.Option{
		"options":               {nil},
		"signer":                {dispatcher.WithSigner(nil)},
		"envelope":              {dispatcher.WithEnvelope(nil)},
		"classifier":            {dispatcher.WithClassifier(nil)},
		"logger":                {dispatcher.WithLogger(nil)},
		"rootCAs":               {dispatcher.WithTransport(&receiver{}), dispatcher.WithRootCAs(x509.NewCertPool())},
		"clientCertificates":    {dispatcher.WithTransport(&receiver{}), dispatcher.WithClientCertificates(tls.Certificate{Certificate: [][]byte{{0}}})},
		"clientCertificates[0]": {dispatcher.WithClientCertificates(tls.Certificate{})},
		"retry":                 {dispatcher.WithRetry(nil)},
		"concurrency":           {dispatcher.WithConcurrency(0)},
		"maxInFlight":           {dispatcher.WithMaxInFlight(-1)},
		"maxPayload":            {dispatcher.WithMaxPayload(17 << 20)},
		"maxResponseBody":       {dispatcher.WithMaxResponseBody(2 << 20)},
		"attemptTimeout":        {dispatcher.WithAttemptTimeout(0)},
		"leaseMargin":           {dispatcher.WithLeaseMargin(time.Millisecond)},
		"slowAfter":             {dispatcher.WithSlowAfter(0)},
		"pollInterval":          {dispatcher.WithPollInterval(-1)},
		"drainTimeout":          {dispatcher.WithDrainTimeout(-1)},
		"retention":             {dispatcher.WithRetention(-1)},
		"maxRetryAfter":         {dispatcher.WithMaxRetryAfter(-1)},
		"userAgent":             {dispatcher.WithUserAgent("a\r\nb")},
		"eventIDs.length":       {dispatcher.WithEventIDs(dispatcher.IDFormat{Length: 3})},
		"eventIDs":              {dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "prefix_", Length: 60})},
		"eventIDs.prefix":       {dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "a."})},
		"crashPolicy.fail":      {dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Suspect: 5, Fail: 5})},
		"crashPolicy.suspect":   {dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Suspect: -1})},
		"keyring":               {dispatcher.WithKeyring(key), dispatcher.WithPlaintextSecrets()},
		"jsonForm":              {dispatcher.WithJSONForm(9)},
		"privateAddresses[1]":   {dispatcher.WithPrivateAddresses(netip.MustParsePrefix("10.0.0.0/8"), netip.Prefix{})},
		"envelope.fields[0]": {dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldConst("v", panicking{}), dispatcher.FieldPayload("data")))},
		"envelope.fields[1]": {dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldType("type"), dispatcher.FieldPayload("\xff")))},
		"envelope.fields[2]": {dispatcher.WithJSONForm(dispatcher.JavaScript), dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldType("type"), dispatcher.FieldPayload("data"), dispatcher.FieldConst("v", json.RawMessage("12345678901234567890"))))},
	} {
		_, err := dispatcher.New(memstore.New(), opts...)
		refused(t, field, field, err)
	}
	for _, malformed := range []string{"", "text", "csv/", "text/plain; charset", "text/plain\r\nX-Y: z"} {
		_, err := dispatcher.New(memstore.New(), dispatcher.WithEnvelope(dispatcher.RawEnvelope(malformed)))
		refused(t, fmt.Sprintf("content type %q", malformed), "envelope.contentType", err)
	}
	_, err = dispatcher.New(memstore.New(), dispatcher.WithSigner(signer.Ed25519(nil)))
	if err == nil || err.Error() != "invalid signer: is not usable: keys[0] is nil" {
		t.Errorf("a signer with a key that is nil: %v", err)
	}
	for _, none := range []store.Store{nil, (*memstore.Store)(nil)} {
		_, err = dispatcher.New(none)
		refused(t, "no store", "store", err)
	}

	d := durable{memstore.New()}
	_, err = dispatcher.New(d)
	refused(t, "durable without a keyring", "keyring", err)
	for _, opt := range []dispatcher.Option{dispatcher.WithKeyring(key), dispatcher.WithPlaintextSecrets()} {
		if _, err := dispatcher.New(d, opt); err != nil {
			t.Error(err)
		}
	}
}
