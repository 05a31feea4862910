package main

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// webhook is an endpoint as customers see it. Its secret is shown once, when it
// is made.
type webhook struct {
	ID       string                    `json:"id"`
	Name     string                    `json:"name"`
	URL      string                    `json:"url"`
	Events   []string                  `json:"events"`
	Status   dispatcher.EndpointStatus `json:"status"`
	Revision int64                     `json:"revision"`
	Secret   string                    `json:"secret,omitempty"`
}

func webhookOf(e dispatcher.Endpoint) webhook {
	return webhook{ID: e.ID, Name: e.Name, URL: e.URL, Events: e.Events, Status: e.Status, Revision: e.Revision}
}

// A tenant's dispatcher sees nothing of the others, so an id of somebody else's
// endpoint is one that does not exist.

func (s *service) registerWebhook(r *http.Request, customer string) (int, any, error) {
	var in struct {
		Name, URL string
		Events    []string
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	e, secret, err := s.hooks.Tenant(customer).Register(r.Context(), dispatcher.EndpointConfig{Name: in.Name, URL: in.URL, Events: in.Events})
	if err != nil {
		return 0, nil, err
	}
	out := webhookOf(e)
	out.Secret = secret.Reveal()
	return http.StatusCreated, out, nil
}

func (s *service) listWebhooks(r *http.Request, customer string) (int, any, error) {
	out := []webhook{}
	for e, err := range s.hooks.Tenant(customer).Endpoints(r.Context(), dispatcher.EndpointFilter{}) {
		if err != nil {
			return 0, nil, err
		}
		out = append(out, webhookOf(e))
	}
	return http.StatusOK, out, nil
}

func (s *service) updateWebhook(r *http.Request, customer string) (int, any, error) {
	var in struct {
		Revision  int64 // of what the customer saw
		Name, URL *string
		Events    []string
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	e, err := s.hooks.Tenant(customer).Update(r.Context(), r.PathValue("id"), in.Revision,
		dispatcher.EndpointUpdate{Name: in.Name, URL: in.URL, Events: in.Events})
	return http.StatusOK, webhookOf(e), err
}

func (s *service) deleteWebhook(r *http.Request, customer string) (int, any, error) {
	return http.StatusNoContent, nil, s.hooks.Tenant(customer).Delete(r.Context(), r.PathValue("id"))
}

// rotateSecret gives a new secret; for a day the old one signs beside it.
func (s *service) rotateSecret(r *http.Request, customer string) (int, any, error) {
	secret, err := s.hooks.Tenant(customer).RotateSecret(r.Context(), r.PathValue("id"), dispatcher.Rotation{Grace: 24 * time.Hour})
	return http.StatusOK, struct {
		Secret string `json:"secret"`
	}{secret.Reveal()}, err
}

// testWebhook sends the example of the catalog, and shows what came back.
func (s *service) testWebhook(r *http.Request, customer string) (int, any, error) {
	a, err := s.hooks.Tenant(customer).SendTest(r.Context(), r.PathValue("id"), OrderCreated.Name)
	return http.StatusOK, attemptOf(a), err
}
