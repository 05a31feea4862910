package redisstore

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// noticeEvery is how often a handle tells others of its inserts at most.
	noticeEvery = 4 * time.Millisecond
	// noticeLanes is how many lanes a notice names; one of more names none.
	noticeLanes = 16
	// noticeTimeout bounds a notice that is sent by itself.
	noticeTimeout = time.Second
)

func (s *Store) channel() string { return s.config.prefix + ":inserted" }

// notice returns the channel on which an insert tells others of itself, and in
// which lanes, "" if the last one was only just told of: then one notice follows
// a little later for all of these.
func (s *Store) notice(lanes []string) (channel, message string) {
	if len(lanes) == 0 {
		return "", ""
	}
	n := &s.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending {
		n.add(lanes)
		return "", ""
	}
	now := time.Now()
	if wait := noticeEvery - now.Sub(n.last); wait > 0 {
		n.pending = true
		n.add(lanes)
		time.AfterFunc(wait, s.tell)
		return "", ""
	}
	n.last = now
	return s.channel(), s.message(lanes)
}

// add notes lanes to tell of. Of very many it forgets which.
func (n *notices) add(lanes []string) {
	for _, l := range lanes {
		if len(n.lanes) > noticeLanes {
			return
		}
		if !slices.Contains(n.lanes, l) {
			n.lanes = append(n.lanes, l)
		}
	}
}

// tell sends the notice that was put off.
func (s *Store) tell() {
	n := &s.notices
	n.mu.Lock()
	message := s.message(n.lanes)
	n.pending, n.last, n.lanes = false, time.Now(), nil
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), noticeTimeout)
	defer cancel()
	s.client.Publish(ctx, s.channel(), message) // a notice may be lost
}

// message is who tells, and the lanes, none if there are many.
func (s *Store) message(lanes []string) string {
	b := appendText(nil, s.self)
	if len(lanes) <= noticeLanes {
		for _, l := range lanes {
			b = appendText(b, l)
		}
	}
	return string(b)
}

// heard reads a notice. One that cannot be read tells of no lanes.
func heard(message string) (teller string, lanes []string) {
	r := reader{rest: message}
	teller = r.text()
	for r.rest != "" && !r.bad {
		lanes = append(lanes, r.text())
	}
	if r.bad {
		return teller, nil
	}
	return teller, lanes
}

// errUnsubscribed: the client's subscription ended.
var errUnsubscribed = errors.New("redisstore: listen: the subscription ended")

// Listen implements [store.Notifier] by a channel of Redis. The client connects
// anew by itself; notices of the time between are lost, and the engine's sweep
// finds what they would have told of.
func (s *Store) Listen(ctx context.Context, wake func(lanes ...string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sub := s.client.Subscribe(ctx, s.channel())
	defer func() { _ = sub.Close() }()
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-messages:
			if !ok {
				return errUnsubscribed
			}
			if teller, lanes := heard(m.Payload); teller != s.self { // the engine knows of its own
				wake(lanes...)
			}
		}
	}
}
