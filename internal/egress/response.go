package egress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxFieldText bounds single texts of a response, such as Retry-After and a
// header's value, in bytes.
const maxFieldText = 1 << 10

// read takes over status, header and body of hr and closes it. It may put the
// header into room. The error, if any, is raw.
func (res *Response) read(hr *http.Response, lim Limits, room []Header) error {
	if hr == nil {
		return errors.New("RoundTripper returned neither a response nor an error")
	}
	body := hr.Body
	if body == nil {
		body = http.NoBody
	}
	// Closing before the body's end makes the transport drop the connection, or
	// reset the stream, which is what every early return here wants.
	defer body.Close()
	res.Proto = Text(hr.Proto, 16)
	// An informational status is no final response (RFC 9110, section 15.2); net/http
	// hands on 101 alone, unasked for and with the bare connection as its body,
	// and lets "000" pass.
	if hr.StatusCode < 200 || hr.StatusCode > 999 {
		return protocolError(fmt.Sprintf("unexpected status %03d", hr.StatusCode))
	}
	res.Status = hr.StatusCode
	if v := hr.Header["Retry-After"]; len(v) > 0 {
		res.RetryAfter = Text(v[0], maxFieldText)
	}
	res.Header, res.HeaderTruncated = keepHeaders(hr.Header, lim.MaxHeaders, lim.MaxHeaderKept, room)
	if hr.ContentLength == 0 || body == http.NoBody {
		return nil
	}
	return res.readBody(body, hr.ContentLength, lim)
}

// protocolError makes classify answer ClassProtocol.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// keepHeaders returns the fields sorted by name, in number and bytes as allowed,
// in room where that is large enough.
func keepHeaders(h http.Header, maxFields, maxBytes int, room []Header) (kept []Header, truncated bool) {
	kept = room[:0]
	for name, values := range h {
		if name == "Set-Cookie" {
			continue
		}
		for _, v := range values {
			kept = append(kept, Header{name, v})
		}
	}
	if len(kept) == 0 || maxFields < 0 || maxBytes < 0 {
		return nil, len(kept) > 0
	}
	// Sorted before it is cut, so that the same response keeps the same fields.
	slices.SortStableFunc(kept, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	if len(kept) > maxFields {
		kept, truncated = kept[:maxFields:maxFields], true
	}
	for i := range kept {
		f := &kept[i]
		name, value := Text(f.Name, 256), Text(f.Value, maxFieldText)
		truncated = truncated || len(name) < len(f.Name) || len(value) < len(f.Value)
		f.Name, f.Value = name, value
		if maxBytes -= len(f.Name) + len(f.Value); maxBytes < 0 {
			return kept[:i:i], true
		}
	}
	return kept, truncated
}

// scratch holds read buffers of DefaultMaxBody bytes.
var scratch = sync.Pool{New: func() any { return new([DefaultMaxBody]byte) }}

// readBody keeps up to lim.MaxBody bytes and drains up to lim.MaxDrain more.
func (res *Response) readBody(body io.Reader, length int64, lim Limits) error {
	pooled := scratch.Get().(*[DefaultMaxBody]byte)
	defer scratch.Put(pooled)
	keep := max(0, lim.MaxBody)
	buf := pooled[:0]
	var err error
	for err == nil && len(buf) < keep {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf)) // a host wants more than the default
		}
		var n int
		n, err = readSome(body, buf[len(buf):min(cap(buf), keep)])
		buf = buf[:len(buf)+n]
	}
	kept := bytes.Clone(buf) // before drain uses the buffer
	if err == nil {
		res.Truncated = drain(body, length-int64(len(kept)), pooled[:], max(0, lim.MaxDrain))
	}
	clean, cut := sanitizeBody(kept, keep)
	if len(clean) > 0 {
		res.Body = clean
	}
	res.Truncated = res.Truncated || cut
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// drain reads on to the body's end for the connection's sake and reports whether
// there was anything. That it fails, or takes until the deadline, does not
// change the outcome: everything that is kept is here already.
func drain(body io.Reader, rest int64, buf []byte, limit int64) bool {
	if rest > limit {
		return true // announced to be too much
	}
	var dropped int64
	for {
		// One byte over the limit tells a body of exactly that size from a longer.
		n, err := readSome(body, buf[:min(int64(len(buf)), limit+1-dropped)])
		dropped += int64(n)
		if err != nil || dropped > limit {
			return dropped > 0 || !errors.Is(err, io.EOF)
		}
	}
}

// readSome is body.Read, except that a Reader that keeps returning nothing ends
// with io.ErrNoProgress.
func readSome(r io.Reader, p []byte) (n int, err error) {
	for range 100 {
		if n, err = r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
