package dispatcher

import (
	"net/url"
	"strings"
	"time"
)

// CloudEvents returns the envelope of CloudEvents 1.0.2 in structured mode: the
// event as one JSON object, application/cloudevents+json, with the payload as
// its data. source is a URI reference that names the producer; together with
// the event's id it identifies the event (section 3.1.1).
func CloudEvents(source string) Envelope {
	return cloudEvents{source: source, structured: &jsonEnvelope{
		contentType: "application/cloudevents+json",
		fields: []EnvelopeField{
			FieldConst("specversion", "1.0"), FieldID("id"), FieldConst("source", source), FieldType("type"),
			FieldTime("time", RFC3339), FieldConst("datacontenttype", "application/json"), FieldPayload("data"),
		},
	}}
}

// CloudEventsBinary returns the envelope of CloudEvents 1.0.2 in binary mode
// (HTTP protocol binding, section 3.1): the payload is the body, and the
// attributes are headers that begin with "ce-". As signatures cover the body
// alone in most schemes, and id and time in Standard Webhooks, a receiver must
// not trust these headers more than that. A source without "%" is read the same
// everywhere: not every SDK undoes the percent-encoding of headers.
func CloudEventsBinary(source string) Envelope { return cloudEvents{source: source} }

type cloudEvents struct {
	source     string
	structured *jsonEnvelope // nil in binary mode
}

func (c cloudEvents) check(JSONForm) error {
	u, err := url.Parse(c.source)
	_, escapes := url.PathUnescape(c.source) // Parse does not look at those of a query
	if err != nil || escapes != nil || u.String() == "" || strings.Count(c.source, "#") > 1 || strings.ContainsFunc(c.source, notInURI) {
		return invalid("envelope.source", "must be a URI reference in ASCII that is not empty")
	}
	return nil
}

// notInURI is what RFC 3986 has no place for.
func notInURI(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }

// Encode implements [Envelope].
func (c cloudEvents) Encode(m Message) (Encoded, error) {
	if c.structured != nil {
		return c.structured.Encode(m)
	}
	body, err := m.formed()
	if err != nil {
		return Encoded{}, err
	}
	return Encoded{Body: body, ContentType: "application/json", Header: []Header{
		{Name: "ce-specversion", Value: "1.0"},
		{Name: "ce-id", Value: m.ID},
		// Header values are percent-encoded (HTTP protocol binding, 3.1.3.2).
		{Name: "ce-source", Value: strings.ReplaceAll(c.source, "%", "%25")},
		{Name: "ce-type", Value: m.Type},
		{Name: "ce-time", Value: m.Time.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)},
	}}, nil
}
