package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// job is one claimed delivery on its way through an attempt.
type job struct {
	delivery *store.Delivery
	unsaved  unsaved
	event    *store.Event
	endpoint *store.Endpoint
	flight   *flight
	// record is that of the attempt; it is here because jobs are made many at
	// a time.
	record store.Attempt
	// signing is the context of its signature, here for the same reason.
	signing limited
	// ends is when the lease runs out, at the latest, by this process's clock.
	ends time.Time
	// suspect: the delivery is tried alone (see CrashPolicy).
	suspect bool
	// young and begun are those of pace.
	young bool
	begun time.Time
}

// attempt makes one attempt and hands its outcome to the settler.
func (r *run) attempt(j *job, s *egress.Sender) {
	defer r.attempts.Done()
	var t *target
	var a *store.Attempt
	var result Result
	undecided := false // what has been sent has no outcome yet
	defer func() {
		// Only a bug can bring us here with a panic: what hosts supply is guarded where
		// it is called, though it may end the goroutine (runtime.Goexit). If nothing has
		// been sent then, the lease runs out, and the delivery is tried again.
		if undecided {
			r.decide(t, j, a, result, Classify(result))
		}
		if !j.flight.ended {
			r.e.lanes.finish(j.flight, landedUnsent, time.Now())
		}
		if p := recover(); p != nil {
			r.e.cfg.logger.ErrorContext(r.ctx, "attempt panicked", "delivery", j.delivery.ID, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	e := r.e
	if r.ctx.Err() != nil || time.Now().After(j.ends) {
		// The time to drain is over. Or the process was stopped for as long as the
		// lease, or the claim took so long: another process may be at it, and
		// sending would double it.
		r.giveBack(j)
		return
	}
	var err error
	if t, err = e.target(r.ctx, j.endpoint); err != nil {
		// The keyring does not answer, or lacks a key that another process has.
		e.lanes.finish(j.flight, landedUnsent, time.Now())
		r.awaitKey(j, "open", err)
		return
	}
	var how landing
	a, result, how = e.send(r.ctx, s, t, j)
	j.flight.took = a.Duration
	e.lanes.finish(j.flight, how, time.Now())
	if result.Code == CodeInterrupted {
		r.settler.add(j, outcome{state: StatePending, reason: CodeInterrupted, attempt: a, free: true})
		return
	}
	var away unsignedError
	if result.Code == CodeUnsendable && errors.As(result.Err, &away) {
		r.awaitKey(j, "sign", away)
		return
	}
	undecided = true
	e.observers.attempted(r.ctx, j.delivery, a)
	v := e.callClassify(result)
	r.decide(t, j, a, result, v)
	undecided = false
	if v.Action == ActionDisable {
		e.disableGone(r.ctx, j.endpoint)
	}
}

// decide hands the outcome of an attempt to the settler.
func (r *run) decide(t *target, j *job, a *store.Attempt, result Result, v Verdict) {
	o := r.e.judge(t, j, result, v)
	o.attempt = a
	r.settler.add(j, o)
}

var errLate = errors.New("dispatcher: the lease ran out before the request was signed")

// send signs and posts, and returns the record of it.
func (e *Engine) send(ctx context.Context, s *egress.Sender, t *target, j *job) (*store.Attempt, Result, landing) {
	now, caller := time.Now(), ctx
	a := &j.record
	*a = store.Attempt{Number: j.delivery.Attempts + 1, DeliveryID: j.delivery.ID, StartedAt: now.UTC(), URL: t.shown}
	result := Result{Try: j.delivery.Tries + 1}
	hooks, ctx, added := e.before(ctx, j, t)
	defer func() { hooks.after(a) }()
	h, record, err := e.header(ctx, s, t, j, added, now)
	if err != nil {
		a.Code, a.Error = CodeUnsendable, egress.Text(err.Error(), 512)
		if ctx.Err() != nil {
			a.Code = ended(caller, ctx) // a remote key was not waited for
		}
		a.Duration = time.Since(now)
		result.Code, result.Err = a.Code, err
		return a, result, landedUnsent
	}
	a.RequestHeader = record
	if !j.ends.IsZero() && time.Now().After(j.ends) {
		// A hook or the signer took so long: another process may be at it.
		a.Code, a.Error = CodeTimeout, errLate.Error()
		a.Duration = time.Since(now)
		result.Code, result.Err = CodeTimeout, errLate
		return a, result, landedUnsent
	}
	res := s.Do(ctx, e.transport, egress.Request{URL: t.url, Header: h, Body: j.event.Body},
		egress.Limits{Timeout: e.cfg.timeout, MaxBody: e.cfg.maxResponseBody})
	s.Recycle(h)

	a.Duration = res.Timings.Total
	a.Status = res.Status
	a.ResponseBody, a.Truncated = res.Body, res.Truncated
	if res.RemoteAddr.IsValid() {
		a.RemoteAddr = t.remote.text(res.RemoteAddr)
	}
	if len(res.Header) > 0 {
		a.ResponseHeader = make([]store.Header, len(res.Header))
		for i, f := range res.Header {
			a.ResponseHeader[i] = store.Header(f)
		}
	}
	a.Timings = store.Timings{
		DNS: res.Timings.DNS, Connect: res.Timings.Connect, TLS: res.Timings.TLS,
		FirstByte: res.Timings.FirstByte, Reused: res.Reused,
	}
	if a.Code = codeOf(&res); a.Code == CodeInterrupted {
		a.Code = ended(caller, ctx)
	}
	result.Status, result.Code, result.Err = res.Status, a.Code, res.Err
	if res.Err != nil {
		a.Error = res.Err.Error()
	}
	t.echoes.redact(a, e.cfg.maxResponseBody)
	if res.RetryAfter != "" {
		if d, ok := egress.RetryAfter(res.RetryAfter, time.Now()); ok {
			result.RetryAfter = min(d, e.cfg.maxRetryAfter)
		}
	}
	how := landedAnswered
	if a.Code == CodeTimeout {
		how = landedSilent
	}
	return a, result, how
}

// ended names the outcome of an attempt whose context ended. That is an interruption
// only if the caller's did: one of a hook may end every attempt, and if they cost no
// retry, they would follow one another for ever.
func ended(caller, ctx context.Context) Code {
	if caller.Err() != nil {
		return CodeInterrupted
	}
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		return CodeTimeout
	}
	return CodeBroken
}

// header builds the header of an attempt, and the record of it, in which the
// endpoint's own values are redacted. Net/http may still read the header of the
// attempt before, which the Sender knows.
func (e *Engine) header(ctx context.Context, s *egress.Sender, t *target, j *job, added []store.Header, now time.Time) (h http.Header, record []store.Header, err error) {
	if t.err != nil {
		return nil, nil, t.err
	}
	ev := j.event
	n := 1 + len(t.custom) + len(ev.Header) + len(added)
	h = s.Header(n + len(e.reserved))
	record = make([]store.Header, 0, n+len(e.reserved))
	values := make([]string, 0, n)
	set := func(f store.Header, shown string) {
		if len(f.Name) == len(userAgent) && strings.EqualFold(f.Name, userAgent) {
			f.Name = userAgent
		}
		values = append(values, f.Value)
		if more := h[f.Name]; more == nil {
			h[f.Name] = values[len(values)-1 : len(values) : len(values)]
		} else { // a field of several lines
			h[f.Name] = append(more, f.Value)
		}
		record = append(record, store.Header{Name: f.Name, Value: shown})
	}
	set(store.Header{Name: "Content-Type", Value: ev.ContentType}, ev.ContentType)
	for i, f := range t.custom {
		if !names(ev.Header, f.Name) && !names(added, f.Name) {
			set(f, t.recorded[i].Value)
		}
	}
	for _, f := range ev.Header {
		set(f, f.Value)
	}
	for _, f := range added {
		if !names(ev.Header, f.Name) {
			set(f, f.Value)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			err = unsignedError{fmt.Errorf("dispatcher: signer panicked: %v", p)}
		}
	}()
	var retiring []signer.Secret
	if len(t.retiring) > 0 {
		retiring = t.signing(now)
	}
	signing := &j.signing
	signing.Context, signing.at = ctx, time.Now().Add(e.keyTimeout())
	defer signing.end()
	if err := e.cfg.signer.Sign(signing, h, signer.Message{ID: ev.ID, Time: now, Body: ev.Body}, t.active, retiring); err != nil {
		return nil, nil, unsigned(err)
	}
	for _, name := range e.reserved {
		if v := h[name]; len(v) > 0 {
			record = append(record, store.Header{Name: name, Value: v[0]})
		}
	}
	return h, record, nil
}

// userAgent is the spelling in which net/http finds that it need not add its own.
const userAgent = "User-Agent"

// names tells whether a field of that name is among the fields.
func names(fields []store.Header, name string) bool {
	return slices.ContainsFunc(fields, func(f store.Header) bool { return strings.EqualFold(f.Name, name) })
}

// codeOf names the outcome of an attempt.
func codeOf(res *egress.Response) Code {
	switch res.Class {
	case egress.ClassNone:
		switch {
		case res.Status >= 200 && res.Status < 300:
			return CodeOK
		case res.Status >= 300 && res.Status < 400:
			return CodeRedirect
		}
		return CodeHTTPStatus
	case egress.ClassTimeout:
		return CodeTimeout
	case egress.ClassCanceled:
		return CodeInterrupted
	case egress.ClassBlocked:
		return CodeBlocked
	case egress.ClassDNS:
		return CodeDNS
	case egress.ClassConnect:
		return CodeConnect
	case egress.ClassTLS:
		return CodeTLS
	case egress.ClassProtocol, egress.ClassHeaderTooLarge:
		return CodeProtocol
	}
	return CodeBroken
}

// judge turns a verdict into what is to be stored.
func (e *Engine) judge(t *target, j *job, result Result, v Verdict) outcome {
	reason := tidyReason(v.Reason)
	if reason == "" {
		reason = result.Code
	}
	switch v.Action {
	case ActionDeliver:
		return outcome{state: StateDelivered, reason: reason}
	case ActionFail, ActionDisable:
		return outcome{state: StateFailed, reason: reason}
	}
	delay, again := e.callRetry(t.retry, result.Try, seedOf(j.delivery.ID))
	if !again {
		return outcome{state: StateFailed, reason: reason}
	}
	return outcome{state: StatePending, delay: max(delay, v.After, 0), reason: reason}
}

// tidyReason makes a Code of what a host's classifier gave for one: a store may refuse
// anything else, and could then never take the outcome.
func tidyReason(reason Code) Code {
	const most = 64
	tidy := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}
	text := strings.Map(tidy, string(reason)) // ASCII
	return Code(text[:min(len(text), most)])
}

// callRetry contains panics of the host's policy.
func (e *Engine) callRetry(p RetryPolicy, retry int, seed uint64) (d time.Duration, again bool) {
	defer func() {
		if x := recover(); x != nil {
			e.cfg.logger.Error("retry policy panicked", "panic", x, "stack", string(debug.Stack()))
			d, again = DefaultRetry().Delay(retry, seed)
		}
	}()
	return p.Delay(retry, seed)
}

// seedOf is FNV-1a: the same in every process.
func seedOf(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h
}

// disableGone disables an endpoint that answered 410, unless it was given
// another URL or status meanwhile.
func (e *Engine) disableGone(ctx context.Context, tried *store.Endpoint) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now, err := e.store.Endpoint(ctx, tried.Tenant, tried.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (now.URL != tried.URL || now.Status != EndpointActive) {
		return
	}
	if err == nil {
		err = e.setStatus(ctx, tried.Tenant, tried.ID, EndpointDisabled, CodeGone, EndpointWasDisabled)
	}
	if err != nil {
		// The next delivery gets the same answer and tries this again.
		e.cfg.logger.ErrorContext(ctx, "endpoint that is gone could not be disabled", "endpoint", tried.ID, "error", err)
		e.observers.storeFailed(ctx, "disable", err)
	}
}
