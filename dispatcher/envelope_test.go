package dispatcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/jsonform"
)

var encodedAt = time.Date(2022, 1, 1, 0, 0, 0, 123456789, time.UTC)

func TestEnvelopesByDocument(t *testing.T) {
	payload := json.RawMessage(`{ "name": "I’m", "n": 1.50 }`)
	for _, c := range []struct {
		name string
		e    Envelope
		form JSONForm
		want string
	}{
		{"Standard Webhooks", StandardEnvelope(), Verbatim,
			`{"type":"a.b","timestamp":"2022-01-01T00:00:00.123456Z","data":{"name":"I’m","n":1.50}}`},
		{"id, type, payload in ASCII", JSONEnvelope(FieldID("id"), FieldType("type"), FieldPayload("payload")), ASCII,
			`{"id":"whk_1","type":"a.b","payload":{"name":"I\u2019m","n":1.50}}`},
		{"object in JavaScript's form", JSONEnvelope(FieldID("id"), FieldType("type"), FieldTime("created_at", UnixSeconds), FieldPayload("data", "object")), JavaScript,
			`{"id":"whk_1","type":"a.b","created_at":1640995200,"data":{"object":{"name":"I’m","n":1.5}}}`},
		{"a constant", JSONEnvelope(FieldConst("object", "event"), FieldConst("v", json.RawMessage(`{ "n": 1 }`)), FieldPayload("p")), Verbatim,
			`{"object":"event","v":{"n":1},"p":{"name":"I’m","n":1.50}}`},
		{"milliseconds", JSONEnvelope(FieldTime("at", UnixMillis), FieldPayload("p")), Verbatim,
			`{"at":1640995200123,"p":{"name":"I’m","n":1.50}}`},
		{"JavaScript puts integer-like names first", JSONEnvelope(FieldPayload("p"), FieldID("1")), JavaScript,
			`{"1":"whk_1","p":{"name":"I’m","n":1.5}}`},
	} {
		got, err := c.e.Encode(Message{ID: "whk_1", Type: "a.b", Time: encodedAt, Payload: payload, Form: c.form})
		if err != nil || got.ContentType != "application/json" || string(got.Body) != c.want {
			t.Errorf("%s:\n got %s (%s), %v\nwant %s", c.name, got.Body, got.ContentType, err, c.want)
		}
	}
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("boom") }

func TestPayloadsThatCannotBeSent(t *testing.T) {
	e := &Engine{cfg: defaults()}
	for name, c := range map[string]struct {
		payload any
		form    JSONForm
	}{
		"text that is no JSON":             {json.RawMessage(`{`), Verbatim},
		"bytes that are no JSON":           {[]byte("hello"), Verbatim},
		"two values":                       {json.RawMessage(`1 2`), Verbatim},
		"an attempt to leave the envelope": {json.RawMessage(`1},"id":{"x":1`), Verbatim},
		"invalid UTF-8":                    {json.RawMessage("\"\xff\""), Verbatim},
		"a function":                       {func() {}, Verbatim},
		"not a number":                     {math.NaN(), Verbatim},
		"a number beyond JavaScript":       {json.RawMessage(`12345678901234567890`), JavaScript},
		"a key given twice, to JavaScript": {json.RawMessage(`{"a":1,"a":2}`), JavaScript},
		"a payload that panics":            {panics{}, Verbatim},
		"too large":                        {strings.Repeat("x", 256<<10), Verbatim},
	} {
		e.cfg.jsonForm = c.form
		_, err := e.encode("", Event{Type: "a.b", Payload: c.payload}, encodedAt)
		var v *ValidationError
		if !errors.As(err, &v) || v.Field != "payload" || v.Reason == "" {
			t.Errorf("%s: %v, want a ValidationError of payload", name, err)
		}
	}
}

func TestEnvelopesAreCheckedByNew(t *testing.T) {
	for field, e := range map[string]Envelope{
		"envelope":           JSONEnvelope(FieldID("id")),
		"envelope.fields[1]": JSONEnvelope(FieldID("id"), FieldType("id"), FieldPayload("p")),
		"envelope.fields[0]": JSONEnvelope(EnvelopeField{}, FieldPayload("p")),
		"envelope.fields[3]": JSONEnvelope(FieldID("id"), FieldType("t"), FieldPayload("p"), FieldConst("c", json.RawMessage(`{`))),
		"envelope.fields[2]": JSONEnvelope(FieldID("id"), FieldPayload("p"), FieldTime("", RFC3339)),
	} {
		err := e.(*jsonEnvelope).check(Verbatim)
		var v *ValidationError
		if !errors.As(err, &v) || v.Field != field {
			t.Errorf("got %v, want the field %s", err, field)
		}
	}
}

// Whatever JSON a host publishes, the envelope is one JSON object that holds it
// unchanged, and is in the form that was asked for.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `"\u2028"`, `[1.0,1e5,"😀"]`, `{"1":1,"0":2}`, `1},"x":{`, "\"\x00\"", `{"a":{"a":{}}}`} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(2))
	}
	e := JSONEnvelope(FieldID("id"), FieldType("type"), FieldTime("at", UnixSeconds), FieldPayload("data", "object"))
	f.Fuzz(func(t *testing.T, payload []byte, form uint8) {
		m := Message{ID: "evt_1", Type: "a.b", Time: encodedAt, Payload: payload, Form: JSONForm(form % 3)}
		enc, err := e.Encode(m)
		body := enc.Body
		if err != nil {
			var v *ValidationError
			if !errors.As(err, &v) || v.Field != "payload" {
				t.Fatalf("%q: %v", payload, err)
			}
			if m.Form == Verbatim && json.Valid(payload) && bytes.Equal(bytes.ToValidUTF8(payload, nil), payload) &&
				!strings.Contains(v.Reason, "deep") {
				t.Fatalf("%q is JSON and was refused: %v", payload, err)
			}
			return
		}
		var got struct {
			ID, Type string
			At       int64
			Data     struct{ Object json.RawMessage }
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%q became %q: %v", payload, body, err)
		}
		want, err := jsonform.Append(nil, payload, m.Form.form())
		if err != nil || !bytes.Equal(got.Data.Object, want) || got.ID != "evt_1" || got.Type != "a.b" || got.At != encodedAt.Unix() {
			t.Fatalf("%q became %q, %v", payload, body, err)
		}
		again, err := jsonform.Append(nil, body, m.Form.form())
		if err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%q is not in its form: %q, %v", body, again, err)
		}
		if m.Form == ASCII && strings.IndexFunc(string(body), func(r rune) bool { return r > 127 }) >= 0 {
			t.Fatalf("%q is not ASCII", body)
		}
	})
}
