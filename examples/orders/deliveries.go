package main

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// delivery is an event on its way to an endpoint, or there.
type delivery struct {
	ID       string           `json:"id"`
	Event    string           `json:"event"`
	Type     string           `json:"type"`
	Webhook  string           `json:"webhook"`
	State    dispatcher.State `json:"state"`
	Reason   dispatcher.Code  `json:"reason,omitempty"`
	Created  time.Time        `json:"created"`
	Next     *time.Time       `json:"next,omitempty"`
	Attempts int              `json:"attempts"`
	History  []attempt        `json:"history,omitempty"`
}

type attempt struct {
	Number   int             `json:"number,omitempty"`
	Started  time.Time       `json:"started"`
	Millis   int64           `json:"millis"`
	Status   int             `json:"status,omitempty"`
	Outcome  dispatcher.Code `json:"outcome"`
	Error    string          `json:"error,omitempty"`
	Response string          `json:"response,omitempty"`
}

func deliveryOf(d dispatcher.Delivery) delivery {
	out := delivery{ID: d.ID, Event: d.EventID, Type: d.EventType, Webhook: d.EndpointID,
		State: d.State, Reason: d.Reason, Created: d.CreatedAt, Attempts: d.Attempts}
	if d.State == dispatcher.StatePending {
		out.Next = &d.VisibleAt
	}
	return out
}

func attemptOf(a dispatcher.Attempt) attempt {
	return attempt{Number: a.Number, Started: a.StartedAt, Millis: a.Duration.Milliseconds(),
		Status: a.Status, Outcome: a.Code, Error: a.Error, Response: string(a.ResponseBody)}
}

// listDeliveries lists a customer's history, newest first, in pages:
// ?webhook=…&state=failed&cursor=…
func (s *service) listDeliveries(r *http.Request, customer string) (int, any, error) {
	q := r.URL.Query()
	filter := dispatcher.DeliveryFilter{Endpoint: q.Get("webhook")}
	if state := q.Get("state"); state != "" {
		if err := filter.State.UnmarshalText([]byte(state)); err != nil {
			return 0, nil, invalid("state", err.Error())
		}
	}
	page, err := s.hooks.Tenant(customer).DeliveryPage(r.Context(), filter, q.Get("cursor"), 50)
	if err != nil {
		return 0, nil, err
	}
	out := struct {
		Deliveries []delivery `json:"deliveries"`
		Next       string     `json:"next,omitempty"`
	}{[]delivery{}, page.Next}
	for _, d := range page.Items {
		out.Deliveries = append(out.Deliveries, deliveryOf(d))
	}
	return http.StatusOK, out, nil
}

// showDelivery shows a delivery with its attempts.
func (s *service) showDelivery(r *http.Request, customer string) (int, any, error) {
	hooks := s.hooks.Tenant(customer)
	d, err := hooks.Delivery(r.Context(), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	attempts, err := hooks.Attempts(r.Context(), d.ID)
	if err != nil {
		return 0, nil, err
	}
	out := deliveryOf(d)
	for _, a := range attempts {
		out.History = append(out.History, attemptOf(a))
	}
	return http.StatusOK, out, nil
}

func (s *service) resendDelivery(r *http.Request, customer string) (int, any, error) {
	return http.StatusNoContent, nil, s.hooks.Tenant(customer).Resend(r.Context(), r.PathValue("id"))
}
