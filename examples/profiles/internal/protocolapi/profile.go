// Package protocolapi configures a dispatcher to send the webhooks of Protocol,
// as its API reference describes them.
package protocolapi

import (
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/protocol"
)

// Options make the webhooks of Protocol in a form that all receivers of its API
// reference understand.
func Options() []dispatcher.Option {
	return append(protocol.Options(),
		// The Python receiver encodes the body as ASCII.
		dispatcher.WithJSONForm(dispatcher.ASCII))
}

// EventTypes are the events that a webhook can listen for.
func EventTypes() []string { return protocol.EventTypes() }
