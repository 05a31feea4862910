package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// history prints every delivery with its attempts.
func history(ctx context.Context, w io.Writer, hooks dispatcher.Inspector, n *narrator) error {
	const columns = "    %-2v %-12s  %-6s  %-11s  %8s  %10s  %9s  %-19s  %s\n"
	for d, err := range hooks.Deliveries(ctx, dispatcher.DeliveryFilter{}) {
		if err != nil {
			return err
		}
		attempts, err := hooks.Attempts(ctx, d.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s to %s: %s (%s)\n", d.EventType, n.endpoints[d.EndpointID], d.State, d.EventID)
		fmt.Fprintf(w, columns, "#", "started", "status", "outcome", "connect", "first byte", "total", "answer", "next try")
		for i, a := range attempts {
			next := "-"
			if i+1 < len(attempts) {
				next = fmt.Sprintf("%.1f s later", attempts[i+1].StartedAt.Sub(a.StartedAt.Add(a.Duration)).Seconds())
			}
			fmt.Fprintf(w, columns, a.Number, a.StartedAt.Local().Format("15:04:05.000"), status(a.Status), a.Code,
				millis(a.Timings.Connect), millis(a.Timings.FirstByte), millis(a.Duration),
				answer(a), next)
		}
	}
	return nil
}

// statistics prints the deliveries by endpoint and state.
func statistics(ctx context.Context, w io.Writer, hooks dispatcher.Inspector, n *narrator) error {
	stats, err := hooks.Stats(ctx, dispatcher.StatsFilter{})
	if err != nil {
		return err
	}
	const columns = "  %-8s  %8v  %10v  %7v  %10v\n"
	fmt.Fprintf(w, columns, "", "pending", "delivered", "failed", "cancelled")
	for _, e := range stats.Endpoints {
		fmt.Fprintf(w, columns, n.endpoints[e.EndpointID], e.Pending, e.Delivered, e.Failed, e.Cancelled)
	}
	c := stats.Total
	fmt.Fprintf(w, columns, "all", c.Pending, c.Delivered, c.Failed, c.Cancelled)
	return nil
}

// answer is what was answered, or why nothing was.
func answer(a dispatcher.Attempt) string {
	if a.Error != "" {
		return a.Error
	}
	return strings.TrimSpace(string(a.ResponseBody))
}

// status is "-" if there was no answer.
func status(code int) string {
	if code == 0 {
		return "-"
	}
	return fmt.Sprint(code)
}

// millis is "-" for what did not happen, such as connecting on a connection that
// was there already.
func millis(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
