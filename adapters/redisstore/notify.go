package redisstore

import (
	"context"
	"errors"
	"time"
)

const (
	// noticeEvery is how often a handle tells others of its inserts at most.
	noticeEvery = 4 * time.Millisecond
	// noticeTimeout bounds a notice that is sent by itself.
	noticeTimeout = time.Second
)

func (s *Store) channel() string { return s.config.prefix + ":inserted" }

// notice returns the channel on which an insert tells others of itself, "" if
// the last one was only just told of: then one notice follows a little later for
// all of these.
func (s *Store) notice(deliveries bool) (channel, message string) {
	if !deliveries {
		return "", ""
	}
	n := &s.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending {
		return "", ""
	}
	now := time.Now()
	if wait := noticeEvery - now.Sub(n.last); wait > 0 {
		n.pending = true
		time.AfterFunc(wait, s.tell)
		return "", ""
	}
	n.last = now
	return s.channel(), s.self
}

// tell sends the notice that was put off.
func (s *Store) tell() {
	s.notices.mu.Lock()
	s.notices.pending, s.notices.last = false, time.Now()
	s.notices.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), noticeTimeout)
	defer cancel()
	s.client.Publish(ctx, s.channel(), s.self) // a notice may be lost
}

// errUnsubscribed: the client's subscription ended.
var errUnsubscribed = errors.New("redisstore: listen: the subscription ended")

// Listen implements [store.Notifier] by a channel of Redis. The client connects
// anew by itself; notices of the time between are lost, and the engine's sweep
// finds what they would have told of.
func (s *Store) Listen(ctx context.Context, wake func()) error {
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
			if m.Payload != s.self { // the engine knows of its own
				wake()
			}
		}
	}
}
