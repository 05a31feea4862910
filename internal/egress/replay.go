package egress

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// maxReplays bounds how often Do repeats what was not processed. With the pauses
// below, that is enough for 300 requests that arrive at once at a server with ten
// streams per connection.
const maxReplays = 6

// unprocessed reports whether err means that the receiver has not processed the
// request and will not. net/http tells so by text alone when GetBody is nil, and
// nothing that a server sends gets into these texts. Should they change in a
// later Go version, such attempts fail and are retried like others.
func unprocessed(err error) bool {
	s := err.Error()
	if s == "net/http: cannot rewind body after connection loss" {
		// With a body and without GetBody this has one cause: the HTTP/2
		// connection had no room for one more stream, and nothing was sent.
		return true
	}
	cause, ok := strings.CutPrefix(s, "http2: Transport: cannot retry err [")
	return ok && (strings.HasPrefix(cause, "http2: Transport received Server's graceful shutdown GOAWAY]") ||
		strings.HasPrefix(cause, "http2: client conn not usable]") ||
		strings.HasPrefix(cause, "stream error: ") && strings.Contains(cause, "; REFUSED_STREAM; "))
}

// pause waits before the nth replay, counted from 0: not at all, then about
// 25 ms, 50 ms and so on to 400 ms, so that requests that were refused together
// do not come back together. It reports whether ctx is still alive.
func pause(ctx context.Context, n int) bool {
	if n == 0 {
		return ctx.Err() == nil
	}
	d := 25 * time.Millisecond << (n - 1)
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
