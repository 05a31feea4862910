// Package profile describes a product's webhooks: how a dispatcher is
// configured to send them, and what the product's page publishes about them.
package profile

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is one product's webhooks.
type Profile struct {
	Product string
	// Package is where the configuration is.
	Package string
	// Options are the configuration.
	Options []dispatcher.Option
	// EventTypes are all that the product knows.
	EventTypes []string
	// Examples are the complete bodies that the page shows, as it shows them.
	Examples []reference.Block
	// Parse turns such a body into the event that makes it.
	Parse func(body []byte) (dispatcher.Event, error)
	// Receivers are the page's snippets that verify a signature.
	Receivers []receiver.Snippet
}

// ParseSimple reads a body {id, type, payload}.
func ParseSimple(body []byte) (dispatcher.Event, error) {
	var b struct {
		ID, Type string
		Payload  json.RawMessage
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return dispatcher.Event{}, fmt.Errorf("example payload: %w", err)
	}
	return dispatcher.Event{ID: b.ID, Type: b.Type, Payload: b.Payload}, nil
}

// ParseDated reads a body {id, type, created_at, data: {object}}.
func ParseDated(body []byte) (dispatcher.Event, error) {
	var b struct {
		ID, Type  string
		CreatedAt int64 `json:"created_at"`
		Data      struct{ Object json.RawMessage }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return dispatcher.Event{}, fmt.Errorf("example payload: %w", err)
	}
	return dispatcher.Event{ID: b.ID, Type: b.Type, Time: time.Unix(b.CreatedAt, 0), Payload: b.Data.Object}, nil
}

// Types returns every resource with every verb, dotted.
func Types(resources, verbs []string) []string {
	types := make([]string, 0, len(resources)*len(verbs))
	for _, r := range resources {
		for _, v := range verbs {
			types = append(types, r+"."+v)
		}
	}
	return types
}
