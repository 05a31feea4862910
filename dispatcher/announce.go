package dispatcher

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/internal/ids"
	"github.com/postrider/postrider/store"
)

const (
	// announceEvery is how often a run announces itself; an announcement outlives
	// two that fail.
	announceEvery = time.Minute
	announceLife  = 3 * announceEvery
	// announceTime bounds one: nothing depends on it.
	announceTime = 5 * time.Second
)

// announce tells other processes on the store how this engine is configured, and
// logs where they differ, each difference once. Engines that differ are safe
// together: what a delivery gets then depends on which of them takes it, which
// hosts seldom want.
func (r *run) announce(ctx context.Context) {
	announcer, ok := r.e.store.(store.Announcer)
	if !ok {
		return
	}
	own := store.Announcement{Process: ids.Random("proc_", 20), Options: r.e.fingerprint()}
	logged := make(map[string]bool)
	for {
		callCtx, cancel := context.WithTimeout(ctx, announceTime)
		others, err := announcer.Announce(callCtx, own, announceLife)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.e.cfg.logger.DebugContext(ctx, "announcing the options failed", "error", err)
		}
		for _, o := range others {
			r.e.compare(ctx, own, o, logged)
		}
		if !sleep(ctx, announceEvery) {
			break
		}
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = announcer.Announce(callCtx, own, 0) // it ends by itself
}

// maxDifferences bounds what one run logs.
const maxDifferences = 100

// compare logs the options in which another process differs. A process of
// another version of the library may have other options.
func (e *Engine) compare(ctx context.Context, own, other store.Announcement, logged map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(own.Options)) {
		here, there := own.Options[name], other.Options[name]
		if _, has := other.Options[name]; !has || here == there {
			continue
		}
		key := name + "\x00" + there
		if logged[key] || len(logged) >= maxDifferences {
			continue
		}
		logged[key] = true
		if name == optionLibrary {
			e.cfg.logger.InfoContext(ctx, "another process on this store has another version of the library", "here", here, "there", there, "process", other.Process)
			continue
		}
		e.cfg.logger.WarnContext(ctx, "another process on this store is configured differently",
			"option", name, "here", here, "there", there, "process", other.Process)
	}
}

const optionLibrary = "library"

// fingerprint returns the options in which the engines on one store should
// agree. Nothing in it is secret.
func (e *Engine) fingerprint() map[string]string {
	c := &e.cfg
	policy := fmt.Sprint(e.guard == nil, c.plainHTTP, c.allowPrivate, c.allowedPrefixes)
	return map[string]string{
		optionLibrary:    libraryVersion(),
		"signer":         strings.Join(append([]string{fmt.Sprintf("%T", c.signer)}, c.signer.Headers()...), " "),
		"envelope":       e.envelopePrint(),
		"eventIDs":       fmt.Sprintf("%+v", c.eventIDs),
		"maxPayload":     fmt.Sprint(c.maxPayload),
		"retry":          e.retryPrint(),
		"maxRetryAfter":  c.maxRetryAfter.String(),
		"attemptTimeout": c.timeout.String(),
		"leaseMargin":    c.leaseMargin.String(),
		"crashPolicy":    fmt.Sprintf("%+v", c.crashes),
		"retention":      c.retention.String(),
		"addresses":      policy,
		"keyring":        e.keyringPrint(),
	}
}

// retryPrint tells policies apart by what they answer.
func (e *Engine) retryPrint() string {
	var delays []string
	for retry := 1; retry <= maxRetries; retry++ {
		d, ok := e.callRetry(e.cfg.retry, retry, 0)
		if !ok {
			break
		}
		delays = append(delays, d.String())
	}
	if len(delays) > 8 {
		return fmt.Sprintf("%s … (%d, %s)", strings.Join(delays[:6], " "), len(delays), sum(strings.Join(delays, " ")))
	}
	return cmp.Or(strings.Join(delays, " "), "none")
}

// envelopePrint tells envelopes apart by what they make of a sample, and by type
// if that is not always the same.
func (e *Engine) envelopePrint() string {
	kind := fmt.Sprintf("%T, form %d", e.cfg.envelope, e.cfg.jsonForm)
	var prints [2]string
	for i := range prints {
		at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		enc, err := e.callEnvelope(Message{ID: "msg_sample", Type: "sample.event", Time: at, Payload: json.RawMessage(`{"b":[1,2.50,"é"],"a":null}`), Form: e.cfg.jsonForm})
		if err != nil {
			return kind
		}
		prints[i] = sum(fmt.Sprintf("%q %q %q", enc.Body, enc.ContentType, enc.Header))
	}
	if prints[0] != prints[1] {
		return kind
	}
	return kind + ", sample " + prints[0]
}

// keyringPrint names the keys, not what they are.
func (e *Engine) keyringPrint() string {
	switch k := e.vault.keyring.(type) {
	case nil:
		return "none"
	case *staticKeyring:
		return "keys " + strings.Join(slices.Sorted(maps.Keys(k.aeads)), " ") + ", seals with " + k.first
	default:
		return fmt.Sprintf("%T", k)
	}
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:6])
}

// libraryVersion returns the version of this module in the program.
func libraryVersion() string {
	const path = "github.com/postrider/postrider"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}
