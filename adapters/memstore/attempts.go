package memstore

import (
	"encoding/binary"
	"time"

	"github.com/postrider/postrider/store"
)

// The attempts of a delivery are one sequence of bytes, record after record, so
// that they cost what they hold and the collector never looks into them. A
// record has no number: attempts are numbered from 1 in the order of the log.
//
// Numbers are varints, texts are preceded by their length, and lists and bodies
// by their length plus one, where 0 stands for nil.

const (
	flagTruncated = 1 << iota
	flagReused
)

// appendAttempt encodes an attempt. A bare one is without headers and body.
func appendAttempt(b []byte, a *store.Attempt, bare bool) []byte {
	b = binary.AppendVarint(b, a.StartedAt.Unix())
	b = binary.AppendUvarint(b, uint64(a.StartedAt.Nanosecond()))
	b = binary.AppendVarint(b, int64(a.Duration))
	b = appendText(b, a.URL)
	b = appendText(b, a.RemoteAddr)
	b = binary.AppendVarint(b, int64(a.Status))
	if bare {
		b = append(b, 0, 0, 0)
	} else {
		b = appendHeader(b, a.RequestHeader)
		b = appendHeader(b, a.ResponseHeader)
		b = appendBody(b, a.ResponseBody)
	}
	var flags byte
	if a.Truncated || bare && len(a.ResponseBody) > 0 {
		flags |= flagTruncated
	}
	if a.Timings.Reused {
		flags |= flagReused
	}
	b = append(b, flags)
	b = appendText(b, string(a.Code))
	b = appendText(b, a.Error)
	b = binary.AppendVarint(b, int64(a.Timings.DNS))
	b = binary.AppendVarint(b, int64(a.Timings.Connect))
	b = binary.AppendVarint(b, int64(a.Timings.TLS))
	return binary.AppendVarint(b, int64(a.Timings.FirstByte))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBody(b, body []byte) []byte {
	if body == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(body))+1), body...)
}

func appendHeader(b []byte, header []store.Header) []byte {
	if header == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(header))+1)
	for i := range header {
		b = appendText(b, header[i].Name)
		b = appendText(b, header[i].Value)
	}
	return b
}

// decodeAttempts decodes a log.
func decodeAttempts(log []byte, deliveryID string, n int) []store.Attempt {
	attempts := make([]store.Attempt, 0, n)
	for r := (logReader{rest: string(log)}); r.rest != ""; {
		a := r.attempt()
		a.Number, a.DeliveryID = len(attempts)+1, deliveryID
		attempts = append(attempts, a)
	}
	return attempts
}

// withoutBodies returns a copy of a log without the response bodies.
func withoutBodies(log []byte) []byte {
	bare := make([]byte, 0, len(log))
	for r := (logReader{rest: string(log)}); r.rest != ""; {
		a := r.attempt()
		a.ResponseBody = nil
		bare = appendAttempt(bare, &a, false)
	}
	return append([]byte(nil), bare...)
}

// logReader reads what appendAttempt wrote. Nothing else is ever in a log, so
// it need not look for errors.
type logReader struct{ rest string }

func (r *logReader) attempt() store.Attempt {
	var a store.Attempt
	sec := r.varint()
	a.StartedAt = time.Unix(sec, int64(r.uvarint())).UTC()
	a.Duration = time.Duration(r.varint())
	a.URL = r.text()
	a.RemoteAddr = r.text()
	a.Status = int(r.varint())
	a.RequestHeader = r.header()
	a.ResponseHeader = r.header()
	if n := r.uvarint(); n > 0 {
		a.ResponseBody = []byte(r.take(n - 1))
	}
	flags := r.take(1)[0]
	a.Truncated = flags&flagTruncated != 0
	a.Timings.Reused = flags&flagReused != 0
	a.Code = store.Code(r.text())
	a.Error = r.text()
	for _, d := range []*time.Duration{&a.Timings.DNS, &a.Timings.Connect, &a.Timings.TLS, &a.Timings.FirstByte} {
		*d = time.Duration(r.varint())
	}
	return a
}

func (r *logReader) take(n uint64) string {
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *logReader) text() string { return r.take(r.uvarint()) }

func (r *logReader) header() []store.Header {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	header := make([]store.Header, n-1)
	for i := range header {
		header[i] = store.Header{Name: r.text(), Value: r.text()}
	}
	return header
}

func (r *logReader) uvarint() (n uint64) {
	for i := 0; ; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
}

func (r *logReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}
