// Package protocol configures a dispatcher to send the webhooks of Protocol, as
// its guide describes them. What its API reference adds is in protocolapi.
package protocol

import (
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/signer"
)

// Options make the webhooks of Protocol:
//
//	x-protocol-signature: <hex HMAC-SHA256 of the body>
//
//	{"id":"a056V7R7NmNRjl70","type":"message.updated","payload":{…}}
func Options() []dispatcher.Option {
	return []dispatcher.Option{
		dispatcher.WithSigner(signer.HMAC("x-protocol-signature", signer.Hex)),
		dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldID("id"), dispatcher.FieldType("type"), dispatcher.FieldPayload("payload"))),
		dispatcher.WithEventIDs(dispatcher.IDFormat{Length: 16}),
	}
}

// EventTypes are the events that a webhook can listen for.
func EventTypes() []string {
	return profile.Types(
		[]string{"contact", "conversation", "message", "group", "attachment"},
		[]string{"created", "updated", "deleted"})
}
