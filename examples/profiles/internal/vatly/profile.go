// Package vatly configures a dispatcher to send the webhooks of Vatly.
package vatly

import (
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/signer"
)

// Options make the webhooks of Vatly:
//
//	x-protocol-signature: <hex HMAC-SHA256 of the body>
//
//	{"id":"whk_a056V7R7NmNRjl70","type":"subscription.updated","payload":{…}}
//
// That only HTTPS URLs with a valid certificate are called needs no option.
func Options() []dispatcher.Option {
	return []dispatcher.Option{
		dispatcher.WithSigner(signer.HMAC("x-protocol-signature", signer.Hex)),
		dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldID("id"), dispatcher.FieldType("type"), dispatcher.FieldPayload("payload"))),
		dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "whk_", Length: 16}),
		// The Python receiver encodes the body as ASCII.
		dispatcher.WithJSONForm(dispatcher.ASCII),
	}
}

// EventTypes are the events that a webhook can listen for.
func EventTypes() []string {
	return profile.Types(
		[]string{"contact", "checkout", "subscription", "group", "attachment"},
		[]string{"created", "updated", "deleted"})
}
