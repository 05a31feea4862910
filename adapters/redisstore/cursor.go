package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/store"
)

var errLimit = errors.New("redisstore: the Limit must be at least 1")

// position is a place in a list, newest first: that of a record by its time of
// creation and its id, and for events, whose ids are unique within a tenant
// only, the tenant.
type position struct {
	created    int64
	id, tenant string
}

// before tells whether a record at p stands before one at q.
func (p position) before(q position) bool {
	switch {
	case p.created != q.created:
		return p.created > q.created
	case p.id != q.id:
		return p.id > q.id
	}
	return p.tenant > q.tenant
}

// query is a list with its filters. A cursor carries a checksum over these, so
// that one of another list is told from one of this.
type query struct{ text string }

func (s *Store) query(kind byte, filters ...any) query {
	return query{fmt.Sprintf("%s %c %q", s.info.ID, kind, fmt.Sprintf("%#v", filters))}
}

const sumLen = 8

func (q query) sum(b []byte) []byte {
	h := sha256.New()
	_, _ = h.Write([]byte(q.text)) // never fails
	_, _ = h.Write(b)
	return h.Sum(nil)[:sumLen]
}

// seal makes a text of bytes that open reads again.
func (q query) seal(b []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(q.sum(b), b...))
}

func (q query) open(text string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < sumLen || string(q.sum(b[sumLen:])) != string(b[:sumLen]) || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("redisstore: %w", store.ErrInvalidCursor)
	}
	return string(b[sumLen:]), nil
}

func (q query) cursor(p position) string {
	b := binary.AppendVarint(nil, p.created)
	b = appendText(b, p.id)
	return q.seal(appendText(b, p.tenant))
}

func (q query) position(cursor string) (position, error) {
	text, err := q.open(cursor)
	if err != nil {
		return position{}, err
	}
	r := reader{rest: text}
	p := position{created: r.varint(), id: r.text(), tenant: r.text()}
	return p, r.err()
}
