package gormstore

import (
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"github.com/postrider/postrider/store"
)

// An attempt is a row of columns that people count and filter by, and one,
// detail, with the rest of what was seen as JSON: of different sizes, read only
// when a person looks. started_at is in microseconds and NULL for a zero time;
// duration and the timings are in nanoseconds; response_body is NULL for nil.

// attemptColumns are what an attemptRow reads, of attempts a.
const attemptColumns = `a.number, a.started_at, a.duration, a.status, a.truncated, a.code, a.error, a.detail, a.response_body`

// attemptRow holds a row of attemptColumns while it is read.
type attemptRow struct {
	store.Attempt
	started   sql.NullInt64
	duration  int64
	truncated int
	code      string
	detail    []byte
	body      sql.Null[[]byte]
}

func (r *attemptRow) dest() []any {
	a := &r.Attempt
	return []any{&a.Number, &r.started, &r.duration, &a.Status, &r.truncated, &r.code, &a.Error, &r.detail, &r.body}
}

func (r *attemptRow) attempt(deliveryID string) (store.Attempt, error) {
	a := r.Attempt
	a.DeliveryID = deliveryID
	a.StartedAt, a.Duration = timeOf(r.started), time.Duration(r.duration)
	a.Truncated = r.truncated != 0
	a.Code = store.Code(r.code)
	// Some drivers return an empty value as nil, though not as NULL.
	if a.ResponseBody = r.body.V; r.body.Valid && a.ResponseBody == nil {
		a.ResponseBody = []byte{}
	}
	var d detail
	if err := json.Unmarshal(r.detail, &d); err != nil {
		return a, failed("reading attempt "+strconv.Itoa(a.Number)+" of delivery "+deliveryID, err)
	}
	a.URL, a.RemoteAddr = d.URL, d.RemoteAddr
	a.RequestHeader, a.ResponseHeader = d.RequestHeader.header(), d.ResponseHeader.header()
	a.Timings = store.Timings{DNS: d.Timings.DNS, Connect: d.Timings.Connect, TLS: d.Timings.TLS, FirstByte: d.Timings.FirstByte, Reused: d.Timings.Reused}
	return a, nil
}

// detail is the form of the column; absent means zero.
type detail struct {
	URL            string     `json:"url"`
	RemoteAddr     string     `json:"remote_addr"`
	RequestHeader  fieldLines `json:"request_header"`
	ResponseHeader fieldLines `json:"response_header"`
	Timings        struct {
		DNS       time.Duration `json:"dns"`
		Connect   time.Duration `json:"connect"`
		TLS       time.Duration `json:"tls"`
		FirstByte time.Duration `json:"first_byte"`
		Reused    bool          `json:"reused"`
	} `json:"timings"`
}

// fieldLines are names with values.
type fieldLines [][2]string

// header keeps an empty list apart from nil.
func (l fieldLines) header() []store.Header {
	if l == nil {
		return nil
	}
	h := make([]store.Header, len(l))
	for i, f := range l {
		h[i] = store.Header{Name: f[0], Value: f[1]}
	}
	return h
}

// appendDetail appends the column detail of an attempt. Every attempt passes
// here, so it is written by hand: it takes no reflection and no memory.
func appendDetail(b []byte, a *store.Attempt) []byte {
	b = append(b, '{')
	b = appendMember(b, "url", a.URL)
	b = appendMember(b, "remote_addr", a.RemoteAddr)
	b = appendFieldLines(b, "request_header", a.RequestHeader)
	b = appendFieldLines(b, "response_header", a.ResponseHeader)
	if t := &a.Timings; *t != (store.Timings{}) {
		b = append(appendKey(b, "timings"), '{')
		b = appendDuration(b, "dns", t.DNS)
		b = appendDuration(b, "connect", t.Connect)
		b = appendDuration(b, "tls", t.TLS)
		b = appendDuration(b, "first_byte", t.FirstByte)
		if t.Reused {
			b = append(appendKey(b, "reused"), "true"...)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendKey begins a member of an object, whose opening brace b may end with.
func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

func appendMember(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(appendKey(b, key), value)
}

func appendDuration(b []byte, key string, d time.Duration) []byte {
	if d == 0 {
		return b
	}
	return strconv.AppendInt(appendKey(b, key), int64(d), 10)
}

func appendFieldLines(b []byte, key string, header []store.Header) []byte {
	if header == nil {
		return b
	}
	b = append(appendKey(b, key), '[')
	for i := range header {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = append(appendString(b, header[i].Name), ',')
		b = append(appendString(b, header[i].Value), ']')
	}
	return append(b, ']')
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string, cleaned as [clean] does.
func appendString(b []byte, s string) []byte {
	s = clean(s)
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		if c < 0x20 {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, '\\', c)
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}
