package gormstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/postrider/postrider/store"
)

// Whoever moves deliveries from one state to another appends what changed to
// the table deltas, in the same transaction: writers that added to one row for
// each endpoint would wait for each other, for as long as a host's transaction
// runs. A payload is a list of JSON arrays with commas between them, each a
// tenant, an endpoint, and by how much its pending, delivered, failed and
// cancelled deliveries changed.

// appendDelta appends an element of a payload.
func appendDelta(b []byte, tenant, endpoint string, d store.Counts) []byte {
	b = append(b, '[')
	b = appendString(b, tenant)
	b = append(b, ',')
	b = appendString(b, endpoint)
	for _, n := range [...]int64{d.Pending, d.Delivered, d.Failed, d.Cancelled} {
		b = append(b, ',')
		b = strconv.AppendInt(b, n, 10)
	}
	return append(b, ']')
}

// addDelta appends a payload to the deltas, a long one in parts: MySQL refuses, or
// silently cuts, what is longer than its column, and refuses long packets. An empty
// one changes nothing.
func (s *Store) addDelta(ctx context.Context, c conn, payload string) error {
	for payload != "" {
		var part string
		part, payload = cutPayload(payload, maxInsert)
		if _, err := c.exec(ctx, "INSERT INTO {deltas} (payload) VALUES (?)", part); err != nil {
			return err
		}
	}
	return nil
}

// cutPayload cuts a payload of more than so many bytes after an element. What is
// none it leaves whole.
func cutPayload(payload string, most int) (part, rest string) {
	if len(payload) <= most {
		return payload, ""
	}
	end := 0 // of the elements that fit; of the first one, if none does
	for p := (payloadReader{rest: payload}); ; {
		p.element()
		if p.failed {
			return payload, ""
		}
		if at := len(payload) - len(p.rest); end == 0 || at <= most {
			end = at
		}
		if p.rest == "" || len(payload)-len(p.rest) >= most {
			break
		}
		p.expect(',')
	}
	return payload[:end], strings.TrimPrefix(payload[end:], ",")
}

// place is where deliveries are counted.
type place struct{ tenant, endpoint string }

// tally adds up counts by place.
type tally map[place]store.Counts

func (t tally) add(p place, d store.Counts) {
	c := t[p]
	addCounts(&c, d)
	t[p] = c
}

// payload returns the tally in the form of the table.
func (t tally) payload() string {
	var b []byte
	for p, d := range t {
		if d == (store.Counts{}) {
			continue
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = appendDelta(b, p.tenant, p.endpoint, d)
	}
	return string(b)
}

func addCounts(sum *store.Counts, d store.Counts) {
	sum.Pending += d.Pending
	sum.Delivered += d.Delivered
	sum.Failed += d.Failed
	sum.Cancelled += d.Cancelled
}

// addPayload adds a payload. Databases write JSON with spaces.
func (t tally) addPayload(payload string) error {
	p := payloadReader{rest: payload}
	for !p.failed {
		at, d := p.element()
		if p.failed {
			break
		}
		t.add(at, d)
		if p.space(); p.rest == "" {
			return nil
		}
		p.expect(',')
	}
	return fmt.Errorf("a delta that is none: %.100q", payload)
}

// payloadReader reads a payload; failed says that it is not one.
type payloadReader struct {
	rest   string
	failed bool
}

// element reads an element of the list.
func (p *payloadReader) element() (at place, d store.Counts) {
	p.expect('[')
	at.tenant = p.text()
	p.expect(',')
	at.endpoint = p.text()
	for _, n := range [...]*int64{&d.Pending, &d.Delivered, &d.Failed, &d.Cancelled} {
		p.expect(',')
		*n = p.number()
	}
	p.expect(']')
	return at, d
}

func (p *payloadReader) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *payloadReader) expect(c byte) {
	if p.space(); p.rest == "" || p.rest[0] != c {
		p.failed, p.rest = true, ""
		return
	}
	p.rest = p.rest[1:]
}

func (p *payloadReader) text() (s string) {
	if p.space(); p.rest == "" || p.rest[0] != '"' {
		p.failed = true
		return ""
	}
	end := 1
	for end < len(p.rest) && p.rest[end] != '"' {
		if p.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.rest) {
		p.failed = true
		return ""
	}
	quoted := p.rest[:end+1]
	p.rest = p.rest[end+1:]
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1:end]
	}
	p.failed = json.Unmarshal([]byte(quoted), &s) != nil
	return s
}

func (p *payloadReader) number() int64 {
	p.space()
	end := 0
	for end < len(p.rest) && (p.rest[end] == '-' || p.rest[end] >= '0' && p.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(p.rest[:end], 10, 64)
	p.failed = p.failed || err != nil
	p.rest = p.rest[end:]
	return n
}
