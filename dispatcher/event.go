package dispatcher

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/internal/ids"
	"github.com/postrider/postrider/internal/jsonform"
	"github.com/postrider/postrider/store"
)

// Event is what a host publishes.
type Event struct {
	// ID identifies the event to receivers; it is made (see [WithEventIDs])
	// if empty. At most 64 letters, digits, '_' and '-'.
	ID string
	// Key is an idempotency key, any text up to 255 bytes: publishing again
	// under the same key does not make a second event, for as long as the first
	// is kept. The id follows from it, so ID must be empty. Under one key a
	// payload of JSON text must be the same byte for byte, and Time, At and Until
	// the same as well: leave Time empty rather than set it to the present.
	Key string
	// Type is dotted words of letters, digits, '_' and '-', such as
	// "invoice.paid"; at most 128 bytes.
	Type string
	// Payload is encoded at once by the [Envelope]. A json.RawMessage or []byte
	// is taken as JSON text.
	Payload any
	// Time is when it happened; the time of publishing if zero.
	Time time.Time
	// At delays the first attempt until then; zero does not.
	At time.Time
	// Until is when the event stops being of use: no attempt begins after it,
	// and the delivery ends as cancelled, with [CodeExpired]. Zero means never.
	Until time.Time
}

// Receipt says what became of an event.
type Receipt struct {
	EventID string
	// Deliveries were made for the endpoints that matched.
	Deliveries []DeliveryRef
	// Duplicate: the event was published before; these are its deliveries.
	Duplicate bool
	// Conflict: another event was published before under this ID or Key;
	// nothing was stored.
	Conflict bool
}

// DeliveryRef names a delivery and its endpoint.
type DeliveryRef = store.DeliveryRef

// IDFormat says how ids of events look. The zero value is "msg_" and 26
// characters that sort by time, unless they follow from a Key.
type IDFormat struct {
	// Prefix stands before each id.
	Prefix string
	// Length is the number of random letters and digits after the prefix, at
	// least 12 (71 bits); 0 means 26 characters that sort by time.
	Length int
}

func (f IDFormat) check() error {
	if f.Length > maxIDLen {
		return invalid("eventIDs.length", "must be at most %d", maxIDLen)
	}
	if f.Length != 0 && f.Length < 12 {
		return invalid("eventIDs.length", "must be at least 12, so that ids do not collide")
	}
	if f.Prefix != "" {
		if err := checkID("eventIDs.prefix", f.Prefix); err != nil {
			return err
		}
	}
	if len(f.Prefix)+max(f.Length, ids.SortableLen) > maxIDLen {
		return invalid("eventIDs", "make ids longer than %d bytes", maxIDLen)
	}
	return nil
}

func (f IDFormat) prefix() string {
	if f.Prefix == "" && f.Length == 0 {
		return "msg_"
	}
	return f.Prefix
}

func (f IDFormat) make(now time.Time) string {
	if f.Length == 0 {
		return ids.Sortable(f.prefix(), now)
	}
	return ids.Random(f.prefix(), f.Length)
}

func (f IDFormat) derive(key string) string {
	if f.Length == 0 {
		return ids.SortableDerived(f.prefix(), key)
	}
	return ids.Derived(f.prefix(), f.Length, key)
}

const maxKeyLen = 255

// encode checks an event and puts it into the form in which it is stored.
func (e *Engine) encode(tenant string, ev Event, now time.Time) (store.Event, error) {
	if err := checkType(ev.Type); err != nil {
		return store.Event{}, err
	}
	id := ev.ID
	switch {
	case ev.Key != "" && ev.ID != "":
		return store.Event{}, invalid("key", "must be empty if an id is given, which does the same")
	case len(ev.Key) > maxKeyLen:
		return store.Event{}, invalid("key", "must be at most %d bytes, has %d", maxKeyLen, len(ev.Key))
	case ev.Key != "":
		id = e.cfg.eventIDs.derive(ev.Key)
	case ev.ID != "":
		if err := checkID("id", ev.ID); err != nil {
			return store.Event{}, err
		}
	default:
		id = e.cfg.eventIDs.make(now)
	}
	if !ev.Until.IsZero() && !ev.Until.After(laterOf(now, ev.At)) {
		return store.Event{}, invalid("until", "must lie in the future and after at")
	}
	happened := ev.Time
	if happened.IsZero() {
		happened = now
	}
	for _, f := range []struct {
		name string
		t    time.Time
	}{{"time", happened}, {"at", ev.At}, {"until", ev.Until}} {
		// RFC 3339 ends there, and a little later the numbers by which stores keep times.
		if y := f.t.UTC().Year(); y < 0 || y > 9999 {
			return store.Event{}, invalid(f.name, "must be between the years 0 and 9999")
		}
	}
	digest, err := digestOf(ev)
	if err != nil {
		return store.Event{}, err
	}
	err = e.cfg.catalog.check(ev.Type, func() ([]byte, error) { return Message{Payload: ev.Payload}.JSON() })
	if err != nil {
		return store.Event{}, err
	}
	m := Message{ID: id, Type: ev.Type, Time: happened, Payload: ev.Payload, Form: e.cfg.jsonForm}
	enc, err := e.callEnvelope(m)
	if err != nil {
		return store.Event{}, err
	}
	body := enc.Body
	if len(body) == 0 {
		return store.Event{}, invalid("payload", "makes an empty body")
	}
	if len(body) > e.cfg.maxPayload {
		return store.Event{}, invalid("payload", "makes a body of %d bytes; the limit is %d", len(body), e.cfg.maxPayload)
	}
	return store.Event{
		ID: id, Tenant: tenant, Type: ev.Type,
		Body: body, ContentType: enc.ContentType, Header: enc.Header, Digest: digest,
		Time: happened.UTC(), At: ev.At.UTC(), Until: ev.Until.UTC(),
	}, nil
}

// callEnvelope contains panics: payloads bring their own MarshalJSON, hosts
// their own envelopes.
func (e *Engine) callEnvelope(m Message) (enc Encoded, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = invalid("payload", "encoding it panicked: %v", p)
		}
	}()
	enc, err = e.cfg.envelope.Encode(m)
	if err != nil {
		var v *ValidationError
		if !errors.As(err, &v) {
			err = fmt.Errorf("dispatcher: envelope: %w", err)
		}
		return Encoded{}, err
	}
	if err := egress.CheckContentType(enc.ContentType); err != nil {
		return Encoded{}, invalid("envelope.contentType", "%s", reasonOf(err))
	}
	for i, f := range enc.Header {
		if err := egress.CheckHeader(f.Name, f.Value, e.reserved...); err != nil {
			return Encoded{}, invalid(fmt.Sprintf("envelope.header[%d]", i), "%s", reasonOf(err))
		}
	}
	return enc, nil
}

// digestOf identifies what the host published, so that a second use of a key
// can be told from a repetition. The time of publishing plays no part.
func digestOf(ev Event) (digest []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = invalid("payload", "encoding it panicked: %v", p)
		}
	}()
	if ev.Key == "" && ev.ID == "" {
		return nil, nil // nobody else can use the id
	}
	parts := [][]byte{[]byte(ev.Type), nil}
	payload, ok := rawBytes(ev.Payload)
	if s, isString := ev.Payload.(string); isString {
		// The text "1" is not the JSON text 1.
		payload, ok, parts = []byte(s), true, append(parts, []byte("text"))
	}
	if !ok {
		if payload, err = jsonform.Marshal(ev.Payload); err != nil {
			return nil, invalid("payload", "cannot be encoded as JSON: %v", err)
		}
	}
	parts[1] = payload
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write(part)
	}
	for _, at := range []time.Time{ev.Time, ev.At, ev.Until} {
		if !at.IsZero() {
			_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro()))) // #nosec G115 -- only hashed
		}
		_, _ = h.Write([]byte{0xff})
	}
	return h.Sum(nil)[:16], nil
}

func rawBytes(payload any) ([]byte, bool) {
	switch p := payload.(type) {
	case json.RawMessage:
		return p, true
	case []byte:
		return p, true
	}
	return nil, false
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
