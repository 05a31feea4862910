//go:build unix

package crash

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
)

// By these the receiver's log can be matched with those of the processes.
const (
	headerDelivery = "X-Crash-Delivery"
	headerToken    = "X-Crash-Token" // #nosec G101 -- the name of a field
	headerEngine   = "X-Crash-Engine"
)

// sendHook records attempts.
func sendHook(w *writer, engine string, pass func(string)) dispatcher.SendHook {
	return dispatcher.SendHook{
		Before: func(ctx context.Context, o *dispatcher.Outgoing) context.Context {
			o.Header.Set(headerDelivery, o.Delivery.ID)
			o.Header.Set(headerToken, strconv.FormatInt(o.Delivery.Token, 10))
			o.Header.Set(headerEngine, engine)
			w.write(engine, history.Record{Kind: history.Dialling, Attempt: &history.Attempt{ID: o.Delivery.ID, Token: o.Delivery.Token}})
			pass(pointDial)
			return ctx
		},
		After: func(_ context.Context, o *dispatcher.Outgoing, a dispatcher.Attempt) {
			w.write(engine, history.Record{Kind: history.Responded, Attempt: &history.Attempt{
				ID: o.Delivery.ID, Token: o.Delivery.Token, StartedAt: a.StartedAt, Status: a.Status, Code: string(a.Code),
			}})
			pass(pointResponse)
		},
	}
}

// seen reads what a process said of a request.
func seen(h http.Header) (delivery string, token int64, engine string) {
	token, _ = strconv.ParseInt(h.Get(headerToken), 10, 64)
	return h.Get(headerDelivery), token, h.Get(headerEngine)
}
