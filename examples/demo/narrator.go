package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// narrator tells what the dispatcher does, as it does it.
type narrator struct {
	w     io.Writer
	start time.Time
	// endpoints are names by id.
	endpoints map[string]string
	// news carries what an observer is told to where it is printed. Observers
	// must be quick, as the engine waits for them.
	news chan news
}

type news struct {
	text  string
	ended bool
}

func newNarrator(w io.Writer) *narrator {
	return &narrator{w: w, start: time.Now(), endpoints: map[string]string{}, news: make(chan news, 100)}
}

func (n *narrator) observer() dispatcher.Observer {
	ended := func(_ context.Context, d dispatcher.Delivery) {
		n.news <- news{fmt.Sprintf("%-16s to %-8s %s", d.EventType, n.endpoints[d.EndpointID], d.State), true}
	}
	return dispatcher.Observer{
		Delivered: ended,
		Failed:    ended,
		Cancelled: ended,
		Retrying: func(_ context.Context, d dispatcher.Delivery) {
			n.news <- news{fmt.Sprintf("%-16s to %-8s not accepted (%s); next try in %v",
				d.EventType, n.endpoints[d.EndpointID], d.Reason, time.Until(d.VisibleAt).Round(10*time.Millisecond)), false}
		},
	}
}

// wait prints news until so many deliveries have ended.
func (n *narrator) wait(ctx context.Context, deliveries int) error {
	for deliveries > 0 {
		select {
		case event := <-n.news:
			fmt.Fprintf(n.w, "  %4.1f s  %s\n", time.Since(n.start).Seconds(), event.text)
			if event.ended {
				deliveries--
			}
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries have not ended: %w", deliveries, ctx.Err())
		}
	}
	return nil
}

func (n *narrator) title(s string) { fmt.Fprintf(n.w, "\n%s\n", s) }

func (n *narrator) name(e dispatcher.Endpoint) { n.endpoints[e.ID] = e.Name }

func (n *narrator) names(refs []dispatcher.DeliveryRef) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = n.endpoints[ref.EndpointID]
	}
	return strings.Join(names, " and ")
}
