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
	news chan string
}

func newNarrator(w io.Writer) *narrator {
	return &narrator{w: w, start: time.Now(), endpoints: map[string]string{}, news: make(chan string, 100)}
}

func (n *narrator) observer() dispatcher.Observer {
	ended := func(_ context.Context, d dispatcher.Delivery) { n.tell("%s %s", n.delivery(d), d.State) }
	return dispatcher.Observer{
		Delivered: ended,
		Failed:    ended,
		Cancelled: ended,
		Retrying: func(_ context.Context, d dispatcher.Delivery) {
			n.tell("%s not accepted (%s); next try in %v", n.delivery(d), d.Reason, time.Until(d.VisibleAt).Round(10*time.Millisecond))
		},
		LeaseExpired: func(_ context.Context, d dispatcher.Delivery) {
			n.tell("%s was being sent when the last run ended; trying again", n.delivery(d))
		},
	}
}

func (n *narrator) tell(format string, args ...any) { n.news <- fmt.Sprintf(format, args...) }

func (n *narrator) delivery(d dispatcher.Delivery) string {
	return fmt.Sprintf("%-16s to %-8s", d.EventType, n.endpoints[d.EndpointID])
}

// wait prints news until all deliveries have ended. That is the store's to say;
// the last news may come a little later.
func (n *narrator) wait(ctx context.Context, hooks dispatcher.Inspector) error {
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	ended := false
	for {
		select {
		case news := <-n.news:
			fmt.Fprintf(n.w, "  %4.1f s  %s\n", time.Since(n.start).Seconds(), news)
		case <-look.C:
			if ended {
				return nil
			}
			stats, err := hooks.Stats(ctx, dispatcher.StatsFilter{})
			if err != nil {
				return err
			}
			ended = stats.Total.Pending == 0
		case <-ctx.Done():
			return fmt.Errorf("not all deliveries have ended: %w", ctx.Err())
		}
	}
}

func (n *narrator) title(s string) { fmt.Fprintf(n.w, "\n%s\n", s) }

func (n *narrator) registered(e dispatcher.Endpoint, remark string) {
	n.endpoints[e.ID] = e.Name
	fmt.Fprintf(n.w, "  %-8s %s  %-31s %s%s\n", e.Name, e.ID, e.URL, e.Events, remark)
}

func (n *narrator) names(refs []dispatcher.DeliveryRef) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = n.endpoints[ref.EndpointID]
	}
	return strings.Join(names, " and ")
}
