package redisstore

import (
	"encoding/binary"
	"fmt"

	"github.com/postrider/postrider/store"
)

// The head of an event is everything but its body. Scripts read the beginning:
// flags in a byte, the number of deliveries in 3, and tenant, id and type. Then
// comes the tag of the call that inserted it, which tells a call that was sent
// twice, because its answer was lost, from a duplicate.
const tagLen = 8

// appendHead encodes an event with its number of deliveries.
func appendHead(b []byte, e *store.Event, deliveries int, tag string) []byte {
	b = append(b, 0, byte(deliveries>>16), byte(deliveries>>8), byte(deliveries)) // #nosec G115 -- three bytes
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Tenant)))                   // #nosec G115 -- checked before
	b = append(b, e.Tenant...)
	b = append(b, byte(len(e.ID))) // #nosec G115 -- checked before
	b = append(b, e.ID...)
	b = append(b, byte(len(e.Type))) // #nosec G115 -- checked before
	b = append(b, e.Type...)
	b = append(b, tag...)
	b = appendText(b, e.ContentType)
	b = appendHeader(b, e.Header)
	b = appendBytes(b, e.Digest)
	b = appendTime(b, e.Time)
	b = appendTime(b, e.At)
	return appendTime(b, e.Until)
}

// head is what is read of a head.
type head struct {
	event store.Event
	tag   string
}

func decodeHead(number int64, text string) (head, error) {
	r := reader{rest: text}
	var h head
	r.take(4)
	e := &h.event
	e.Tenant = r.take(uint64(r.fixed(2))) // #nosec G115 -- never negative
	e.ID = r.take(uint64(r.fixed(1)))     // #nosec G115 -- never negative
	e.Type = r.take(uint64(r.fixed(1)))   // #nosec G115 -- never negative
	h.tag = r.take(tagLen)
	e.ContentType = r.text()
	e.Header = r.header()
	e.Digest = r.bytes()
	e.Time, e.At, e.Until = r.time(), r.time(), r.time()
	e.CreatedAt = timeOf(number)
	return h, r.err()
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

func (r *reader) header() []store.Header {
	n, some := r.count()
	if !some {
		return nil
	}
	header := make([]store.Header, n)
	for i := range header {
		header[i] = store.Header{Name: r.text(), Value: r.text()}
	}
	return header
}

// checkEvent refuses what could not be stored as it is.
func checkEvent(n *store.NewEvent) error {
	e := &n.Event
	switch {
	case e.ID == "" || len(e.ID) > 64:
		return fmt.Errorf("the ID must have 1 to 64 bytes, it has %d", len(e.ID))
	case hasNUL(e.ID):
		return fmt.Errorf("the ID %q must not have a NUL", e.ID)
	case len(e.Type) > 128:
		return fmt.Errorf("the Type must have at most 128 bytes, it has %d", len(e.Type))
	case len(e.Digest) > 32:
		return fmt.Errorf("the Digest must have at most 32 bytes, it has %d", len(e.Digest))
	case len(n.Deliveries) > maxFanOut:
		return fmt.Errorf("it has %d Deliveries, more than %d", len(n.Deliveries), maxFanOut)
	}
	if err := checkTenant(e.Tenant); err != nil {
		return err
	}
	seen := make(map[string]struct{}, len(n.Deliveries))
	for i, d := range n.Deliveries {
		if err := checkEndpointID(d.EndpointID); err != nil {
			return fmt.Errorf("delivery %d: %w", i, err)
		}
		if _, twice := seen[d.EndpointID]; twice {
			return fmt.Errorf("delivery %d: the endpoint %q stands in it twice", i, d.EndpointID)
		}
		seen[d.EndpointID] = struct{}{}
	}
	return nil
}

func checkTenant(tenant string) error {
	if len(tenant) > 1024 {
		return fmt.Errorf("the Tenant must have at most 1024 bytes, it has %d", len(tenant))
	}
	if hasNUL(tenant) {
		return fmt.Errorf("the Tenant %q must not have a NUL", tenant)
	}
	return nil
}

// checkEndpointID refuses what could not be part of a key.
func checkEndpointID(id string) error {
	switch {
	case id == "" || len(id) > 64:
		return fmt.Errorf("the EndpointID must have 1 to 64 bytes, it has %d", len(id))
	case hasNUL(id):
		return fmt.Errorf("the EndpointID %q must not have a NUL", id)
	}
	return nil
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}
