package redisstore

import (
	"encoding/binary"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	attemptTruncated = 1
	attemptReused    = 2
	attemptBody      = 4 // the body is not nil
)

// appendAttempt encodes an attempt: flags in a byte, the length of what is not
// the body in four, that, and the body. So a script can take the body off.
func appendAttempt(b []byte, a *store.Attempt) []byte {
	var flags byte
	if a.Truncated {
		flags |= attemptTruncated
	}
	if a.Timings.Reused {
		flags |= attemptReused
	}
	if a.ResponseBody != nil {
		flags |= attemptBody
	}
	b = append(b, flags, 0, 0, 0, 0)
	begin := len(b)
	b = appendTime(b, a.StartedAt)
	b = binary.AppendVarint(b, int64(a.Duration))
	b = appendText(b, a.URL)
	b = appendText(b, a.RemoteAddr)
	b = binary.AppendVarint(b, int64(a.Status))
	b = appendHeader(b, a.RequestHeader)
	b = appendHeader(b, a.ResponseHeader)
	b = appendText(b, string(a.Code))
	b = appendText(b, a.Error)
	b = binary.AppendVarint(b, int64(a.Timings.DNS))
	b = binary.AppendVarint(b, int64(a.Timings.Connect))
	b = binary.AppendVarint(b, int64(a.Timings.TLS))
	b = binary.AppendVarint(b, int64(a.Timings.FirstByte))
	binary.BigEndian.PutUint32(b[begin-4:], uint32(len(b)-begin)) // #nosec G115 -- the dispatcher bounds it
	return append(b, a.ResponseBody...)
}

func decodeAttempt(text string) (store.Attempt, error) {
	r := reader{rest: text}
	flags := r.fixed(1)
	meta := reader{rest: r.take(uint64(r.fixed(4)))} // #nosec G115 -- never negative
	var a store.Attempt
	a.StartedAt = meta.time()
	a.Duration = time.Duration(meta.varint())
	a.URL = meta.text()
	a.RemoteAddr = meta.text()
	a.Status = int(meta.varint())
	a.RequestHeader = meta.header()
	a.ResponseHeader = meta.header()
	a.Code = store.Code(meta.text())
	a.Error = meta.text()
	for _, d := range []*time.Duration{&a.Timings.DNS, &a.Timings.Connect, &a.Timings.TLS, &a.Timings.FirstByte} {
		*d = time.Duration(meta.varint())
	}
	a.Truncated = flags&attemptTruncated != 0
	a.Timings.Reused = flags&attemptReused != 0
	if flags&attemptBody != 0 {
		a.ResponseBody = []byte(r.rest)
	}
	r.bad = r.bad || meta.bad
	return a, r.err()
}
