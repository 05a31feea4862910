package digivault

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher"
)

// MailFailures is the e-mail that DigiVault sends when a webhook has failed for
// good. send gets subject and text; it is called by the engine and should hand
// them to a queue of its own rather than to a mail server.
func MailFailures(send func(subject, text string)) dispatcher.Option {
	return dispatcher.WithObserver(dispatcher.Observer{
		Failed: func(_ context.Context, d dispatcher.Delivery) {
			send(fmt.Sprintf("Webhook %s has failed", d.EventID),
				fmt.Sprintf("%s was not accepted in %d attempts; the last one ended with: %s %d.",
					d.EventType, d.Attempts, d.Reason, d.LastStatus))
		},
	})
}
