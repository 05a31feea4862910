// Package digivault configures a dispatcher to send the webhooks of DigiVault.
package digivault

import (
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// Options make the webhooks of DigiVault:
//
//	X-DigiVault-Signature: <hex HMAC-SHA256 of the body>
//	x-bitvault-signature: <the same>
//
//	{"id":"webhook_…","type":"contact.created","created_at":1640995200,"data":{"object":{…}}}
//
// An attempt may take 30 seconds. Every answer but 2xx is tried again, after 1
// minute, 5, 15, 1 hour and 6: six requests at most.
func Options() []dispatcher.Option {
	return []dispatcher.Option{
		// The page's Python reads the first header, its JavaScript and PHP the other.
		dispatcher.WithSigner(signer.All(
			signer.HMAC("X-DigiVault-Signature", signer.Hex),
			signer.HMAC("x-bitvault-signature", signer.Hex))),
		dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldID("id"), dispatcher.FieldType("type"),
			dispatcher.FieldTime("created_at", dispatcher.UnixSeconds),
			dispatcher.FieldPayload("data", "object"))),
		dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "webhook_", Length: 16}),
		// The JavaScript receiver signs what it gets by parsing and serialising the
		// body.
		dispatcher.WithJSONForm(dispatcher.JavaScript),
		dispatcher.WithAttemptTimeout(30 * time.Second),
		dispatcher.WithRetry(dispatcher.Schedule(time.Minute, 5*time.Minute, 15*time.Minute, time.Hour, 6*time.Hour)),
		dispatcher.WithClassifier(dispatcher.ClassifyStrictly),
	}
}

// EventTypes are the events that a webhook can listen for.
func EventTypes() []string {
	return []string{
		"conversation.created", "conversation.updated", "conversation.archived", "conversation.deleted",
		"conversation.message.created", "conversation.message.updated", "conversation.message.deleted", "conversation.message.read",
		"contact.created", "contact.updated", "contact.deleted",
		"group.created", "group.updated", "group.member_added", "group.member_removed", "group.deleted",
	}
}
