package dispatcher

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postrider/postrider/internal/ids"
	"github.com/postrider/postrider/store"
)

// testPayload is sent where the catalog has no example.
var testPayload = json.RawMessage(`{"test":true}`)

func (t *tenant) SendTest(ctx context.Context, endpointID, eventType string) (Attempt, error) {
	e := t.engine
	ep, err := e.store.Endpoint(ctx, t.id, endpointID)
	if err != nil {
		return Attempt{}, err
	}
	var payload any = testPayload
	if example, ok := e.cfg.catalog.example(eventType); ok {
		payload = example
	} else if info, known := e.cfg.catalog.Type(eventType); known && info.Schema != nil {
		return Attempt{}, invalid("type", "%q has a schema and no example in the catalog to send", eventType)
	}
	now := time.Now()
	stored, err := e.encode(t.id, Event{ID: e.cfg.eventIDs.test(), Type: eventType, Payload: payload}, now)
	if err != nil {
		return Attempt{}, err
	}
	target, err := e.target(ctx, &ep)
	if err != nil {
		return Attempt{}, err
	}
	j := &job{
		delivery: &store.Delivery{Tenant: t.id, EventID: stored.ID, EventType: eventType, EndpointID: ep.ID},
		event:    &stored, endpoint: &ep,
	}
	a, _, _ := e.send(ctx, nil, target, j)
	if err := ctx.Err(); err != nil {
		return *a, err
	}
	return *a, nil
}

// test returns an id that shows that nothing happened.
func (f IDFormat) test() string {
	const mark, random = "test_", 12
	return ids.Random(f.prefix()[:min(len(f.prefix()), maxIDLen-len(mark)-random)]+mark, random)
}
