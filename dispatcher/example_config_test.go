package dispatcher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

func body(e dispatcher.Envelope, m dispatcher.Message) {
	enc, err := e.Encode(m)
	fmt.Println(string(enc.Body), enc.ContentType, err)
}

var at = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func ExampleStandardEnvelope() {
	body(dispatcher.StandardEnvelope(), dispatcher.Message{
		ID: "msg_1", Type: "user.created", Time: at, Payload: map[string]string{"name": "Zoë <z>"},
	})
	// Output:
	// {"type":"user.created","timestamp":"2026-05-04T03:02:01Z","data":{"name":"Zoë <z>"}} application/json <nil>
}

func ExampleJSONEnvelope() {
	e := dispatcher.JSONEnvelope(
		dispatcher.FieldID("id"),
		dispatcher.FieldType("type"),
		dispatcher.FieldTime("created_at", dispatcher.UnixSeconds),
		dispatcher.FieldPayload("data", "object"))
	body(e, dispatcher.Message{ID: "evt_1", Type: "user.created", Time: at, Payload: json.RawMessage(`{"id": 7}`)})
	// Output:
	// {"id":"evt_1","type":"user.created","created_at":1777863721,"data":{"object":{"id":7}}} application/json <nil>
}

func ExampleRawEnvelope() {
	body(dispatcher.RawEnvelope("text/csv"), dispatcher.Message{ID: "evt_1", Type: "report.made", Payload: "a,b\n1,2"})
	// Output:
	// a,b
	// 1,2 text/csv <nil>
}

func ExampleCloudEvents() {
	body(dispatcher.CloudEvents("/billing"), dispatcher.Message{ID: "evt_1", Type: "invoice.paid", Time: at, Payload: 7})
	// Output:
	// {"specversion":"1.0","id":"evt_1","source":"/billing","type":"invoice.paid","time":"2026-05-04T03:02:01Z","datacontenttype":"application/json","data":7} application/cloudevents+json <nil>
}

func ExampleCloudEventsBinary() {
	enc, err := dispatcher.CloudEventsBinary("/billing").Encode(dispatcher.Message{ID: "evt_1", Type: "invoice.paid", Time: at, Payload: 7})
	fmt.Println(string(enc.Body), enc.Header[1], enc.Header[3], err)
	// Output:
	// 7 {ce-id evt_1} {ce-type invoice.paid} <nil>
}

func ExampleWithJSONForm() {
	for _, form := range []dispatcher.JSONForm{dispatcher.Verbatim, dispatcher.JavaScript, dispatcher.ASCII} {
		body(dispatcher.RawEnvelope("application/json"), dispatcher.Message{
			Payload: map[string]any{"name": "Zoë", "10": json.Number("1.50"), "9": 1}, Form: form,
		})
	}
	// Output:
	// {"10":1.50,"9":1,"name":"Zoë"} application/json <nil>
	// {"9":1,"10":1.5,"name":"Zoë"} application/json <nil>
	// {"10":1.50,"9":1,"name":"Zo\u00eb"} application/json <nil>
}

func ExampleWithEventIDs() {
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "whk_", Length: 16}))
	rcpt, _ := hooks.Publish(context.Background(), dispatcher.Event{Type: "a.b", Key: "order 1"})
	fmt.Println(rcpt.EventID[:4], len(rcpt.EventID))
	// Output:
	// whk_ 20
}

func ExampleSchedule() {
	p := dispatcher.Schedule(time.Minute, 5*time.Minute)
	for retry := 1; ; retry++ {
		d, ok := p.Delay(retry, 0)
		if !ok {
			break
		}
		fmt.Println(retry, d)
	}
	// Output:
	// 1 1m0s
	// 2 5m0s
}

func ExampleExponential() {
	p := dispatcher.Exponential(dispatcher.ExponentialConfig{Initial: time.Second, Max: time.Minute, Retries: 8, Jitter: -1})
	for retry := 1; retry <= 8; retry++ {
		d, _ := p.Delay(retry, 0)
		fmt.Print(d, " ")
	}
	// Output:
	// 1s 2s 4s 8s 16s 32s 1m0s 1m0s
}

func ExampleJitter() {
	p := dispatcher.Jitter(0.1, dispatcher.Schedule(time.Hour))
	d, _ := p.Delay(1, 42)
	fmt.Println(d >= 54*time.Minute && d <= 66*time.Minute)
	// Output:
	// true
}

func ExampleWithClassifier() {
	// This product's documents say that 422 is final.
	_, err := dispatcher.New(memstore.New(), dispatcher.WithClassifier(func(r dispatcher.Result) dispatcher.Verdict {
		if r.Status == 422 {
			return dispatcher.Verdict{Action: dispatcher.ActionFail}
		}
		return dispatcher.Classify(r)
	}))
	fmt.Println(err)
	// Output:
	// <nil>
}
