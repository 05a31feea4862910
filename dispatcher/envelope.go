package dispatcher

import (
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/internal/jsonform"
	"github.com/postrider/postrider/store"
)

// JSONForm is the exact form in which JSON is sent. It matters to receivers
// that compute the signature over a body which they parsed and serialised
// again.
type JSONForm uint8

const (
	// Verbatim keeps strings, numbers and the order of keys as given, without
	// white space between them. The default.
	Verbatim JSONForm = iota
	// JavaScript makes JSON.stringify(JSON.parse(body)) === body hold. What
	// JavaScript cannot hold, such as the number 12345678901234567890, is
	// refused with a ValidationError.
	JavaScript
	// ASCII writes every character beyond ASCII as \uXXXX, for receivers that
	// decode the body as ASCII.
	ASCII
)

func (f JSONForm) form() jsonform.Form {
	switch f {
	case JavaScript:
		return jsonform.JavaScript
	case ASCII:
		return jsonform.ASCII
	}
	return jsonform.Verbatim
}

// Envelope puts an event into the bytes of a request body. It is called once
// for each event, at Publish. [JSONEnvelope], [StandardEnvelope] and
// [RawEnvelope] make one; a host may bring its own.
type Envelope interface {
	// Encode returns what is sent. It may keep nothing of m. An error is given to
	// the caller of Publish; a *ValidationError is best.
	Encode(m Message) (Encoded, error)
}

// Encoded is an event as it is sent. It is stored, and the same for every
// attempt.
type Encoded struct {
	// Body must not be empty.
	Body        []byte
	ContentType string
	// Header holds further fields of the request, such as those of CloudEvents in
	// binary mode. Names that [EndpointConfig] refuses are refused here as well;
	// the value of an endpoint's own header of the same name gives way.
	Header []Header
}

// Header is one field line.
type Header = store.Header

// Message is what an Envelope encodes.
type Message struct {
	ID, Type string
	Time     time.Time
	// Payload is the event's Payload as the host passed it.
	Payload any
	// Form is the dispatcher's JSONForm.
	Form JSONForm
}

// JSON returns the payload as one JSON value, not yet in the form: a
// json.RawMessage or []byte as it is, anything else as encoding/json makes it,
// without HTML escapes.
func (m Message) JSON() ([]byte, error) {
	if raw, ok := rawBytes(m.Payload); ok {
		return raw, nil
	}
	b, err := jsonform.Marshal(m.Payload)
	if err != nil {
		return nil, invalid("payload", "cannot be encoded as JSON: %v", err)
	}
	return b, nil
}

// formed returns the payload as JSON in the form.
func (m Message) formed() ([]byte, error) {
	payload, err := m.JSON()
	if err != nil {
		return nil, err
	}
	b, err := jsonform.Append(make([]byte, 0, len(payload)+len(payload)/8), payload, m.Form.form())
	if err != nil {
		return nil, invalid("payload", "%v", err)
	}
	return b, nil
}

// StandardEnvelope returns the envelope of Standard Webhooks:
// {"type", "timestamp", "data"}, the id being in a header. The default.
func StandardEnvelope() Envelope {
	return JSONEnvelope(FieldType("type"), FieldTime("timestamp", RFC3339), FieldPayload("data"))
}

// JSONEnvelope returns an envelope that is a JSON object of the fields, in
// their order. For example, JSONEnvelope(FieldID("id"), FieldType("type"),
// FieldPayload("data", "object")) makes
// {"id":"…","type":"…","data":{"object":…}}. Its mistakes, such as a name given
// twice or no payload, are reported by [New].
func JSONEnvelope(fields ...EnvelopeField) Envelope {
	return &jsonEnvelope{fields: slices.Clone(fields), contentType: "application/json"}
}

// EnvelopeField is a field of a [JSONEnvelope].
type EnvelopeField struct {
	path   []string
	format TimeFormat
	kind   fieldKind
	value  []byte // of fieldConst
	err    error
}

type fieldKind uint8

const (
	fieldID fieldKind = iota + 1
	fieldType
	fieldTime
	fieldPayload
	fieldConst
)

// FieldConst is the same for every event, such as a version; value is JSON text
// or anything that encoding/json encodes.
func FieldConst(name string, value any) EnvelopeField {
	f := EnvelopeField{path: []string{name}, kind: fieldConst}
	f.value, f.err = encodeJSON(Message{Payload: value}.JSON)
	return f
}

// FieldID is the event's id.
func FieldID(name string) EnvelopeField {
	return EnvelopeField{path: []string{name}, kind: fieldID}
}

// FieldType is the event's type.
func FieldType(name string) EnvelopeField {
	return EnvelopeField{path: []string{name}, kind: fieldType}
}

// FieldTime is the event's time.
func FieldTime(name string, f TimeFormat) EnvelopeField {
	return EnvelopeField{path: []string{name}, format: f, kind: fieldTime}
}

// FieldPayload is the event's payload. Further names nest it in objects.
func FieldPayload(name string, nested ...string) EnvelopeField {
	return EnvelopeField{path: append([]string{name}, nested...), kind: fieldPayload}
}

// TimeFormat is how a time is written.
type TimeFormat uint8

const (
	// RFC3339 is a string in UTC with up to six digits of the second.
	RFC3339 TimeFormat = iota
	// UnixSeconds is a number.
	UnixSeconds
	// UnixMillis is a number.
	UnixMillis
)

type jsonEnvelope struct {
	fields      []EnvelopeField
	contentType string
}

// check returns a *ValidationError.
func (e *jsonEnvelope) check(form JSONForm) error {
	var names []string
	payloads := 0
	for i, f := range e.fields {
		field := fmt.Sprintf("envelope.fields[%d]", i)
		if f.kind == 0 {
			return invalid(field, "is the zero value")
		}
		if f.format > UnixMillis {
			return invalid(field, "has an unknown time format")
		}
		if f.kind == fieldConst {
			if f.err != nil {
				return invalid(field, "has a value that is not JSON: %s", reasonOf(f.err))
			}
			if _, err := jsonform.Append(nil, f.value, form.form()); err != nil {
				return invalid(field, "has a value that cannot be sent: %v", err)
			}
		}
		for _, name := range f.path {
			switch {
			case name == "":
				return invalid(field, "has an empty name")
			case !utf8.ValidString(name):
				return invalid(field, "has a name that is not valid UTF-8")
			}
		}
		if slices.Contains(names, f.path[0]) {
			return invalid(field, "repeats the name %q", f.path[0])
		}
		names = append(names, f.path[0])
		if f.kind == fieldPayload {
			payloads++
		}
	}
	if payloads != 1 {
		return invalid("envelope", "must have the payload once, has it %d times", payloads)
	}
	return nil
}

func (e *jsonEnvelope) Encode(m Message) (Encoded, error) {
	// The payload is checked alone first: the error must not speak of the
	// envelope, and a payload such as `1},"x":{` must not break out of it.
	form := m.Form.form()
	formed, err := m.formed()
	if err != nil {
		return Encoded{}, err
	}
	doc := make([]byte, 0, len(formed)+160)
	for i, f := range e.fields {
		doc = append(doc, ",{"[b2i(i == 0)])
		for depth, name := range f.path {
			if depth > 0 {
				doc = append(doc, '{')
			}
			if doc, err = jsonform.AppendString(doc, name, form); err != nil {
				return Encoded{}, invalid("envelope", "name %q: %v", name, err)
			}
			doc = append(doc, ':')
		}
		switch f.kind {
		case fieldID:
			doc, err = jsonform.AppendString(doc, m.ID, form)
		case fieldType:
			doc, err = jsonform.AppendString(doc, m.Type, form)
		case fieldTime:
			doc = f.format.append(doc, m.Time)
		case fieldConst:
			if doc, err = jsonform.Append(doc, f.value, form); err != nil {
				return Encoded{}, invalid("envelope", "name %q: %v", f.path[0], err)
			}
		case fieldPayload:
			doc = append(doc, formed...)
		}
		if err != nil {
			return Encoded{}, invalid("envelope", "%v", err)
		}
		for range len(f.path) - 1 {
			doc = append(doc, '}')
		}
	}
	doc = append(doc, '}')
	if form == jsonform.JavaScript {
		// A name like "1" would come first in JavaScript.
		if doc, err = jsonform.Append(make([]byte, 0, len(doc)), doc, form); err != nil {
			return Encoded{}, invalid("payload", "%v", err)
		}
	}
	return Encoded{Body: doc, ContentType: e.contentType}, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f TimeFormat) append(dst []byte, t time.Time) []byte {
	switch f {
	case UnixSeconds:
		return strconv.AppendInt(dst, t.Unix(), 10)
	case UnixMillis:
		return strconv.AppendInt(dst, t.UnixMilli(), 10)
	}
	dst = append(dst, '"')
	dst = t.UTC().Truncate(time.Microsecond).AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// RawEnvelope returns an envelope that sends the payload itself, with the
// content type given: []byte, json.RawMessage and string as they are, anything
// else as JSON in the dispatcher's form. A malformed content type is reported by
// [New].
func RawEnvelope(contentType string) Envelope { return rawEnvelope(contentType) }

type rawEnvelope string

func (e rawEnvelope) check(JSONForm) error {
	if err := egress.CheckContentType(string(e)); err != nil {
		return invalid("envelope.contentType", "%s", reasonOf(err))
	}
	// A type without its subtype is none, though mime takes one.
	if media, _, err := mime.ParseMediaType(string(e)); err != nil || !strings.Contains(media, "/") {
		return invalid("envelope.contentType", "must be a media type, such as text/csv")
	}
	return nil
}

func (e rawEnvelope) Encode(m Message) (Encoded, error) {
	if s, ok := m.Payload.(string); ok {
		return Encoded{Body: []byte(s), ContentType: string(e)}, nil
	}
	if raw, ok := rawBytes(m.Payload); ok {
		return Encoded{Body: slices.Clone(raw), ContentType: string(e)}, nil
	}
	b, err := m.formed()
	return Encoded{Body: b, ContentType: string(e)}, err
}
