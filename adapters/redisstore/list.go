package redisstore

import (
	"context"
)

// stream is one shard's part of a list. It reads ahead in pieces.
type stream[T any] struct {
	shard int
	// before and index are where the next piece begins.
	before, index int64
	done          bool
	items         []listed[T]
}

type listed[T any] struct {
	position
	item T
}

// listing merges what all shards have of a list, newest first.
type listing[T any] struct {
	*Store
	query  query
	cursor string
	limit  int
	// begin is where a shard's part begins behind a position.
	begin func(shard int, after position) (before, index int64)
	// piece asks a shard for so many records, and read takes in what it says.
	piece func(s *stream[T], n int) request
	read  func(s *stream[T], reply []any) error
}

// page returns the records of a page, and the cursor of the next.
func (l *listing[T]) page(ctx context.Context) (items []T, next string, err error) {
	if l.limit < 1 {
		return nil, "", errLimit
	}
	after := position{created: maxMicros + 1}
	if l.cursor != "" {
		if after, err = l.query.position(l.cursor); err != nil {
			return nil, "", err
		}
	}
	streams := make([]*stream[T], len(l.shards))
	for i := range streams {
		streams[i] = &stream[T]{shard: i}
		if l.cursor == "" {
			streams[i].before = maxMicros
		} else {
			streams[i].before, streams[i].index = l.begin(i, after)
		}
	}
	var last position
	for {
		if err := l.fill(ctx, streams); err != nil {
			return nil, "", err
		}
		var first *stream[T]
		for _, s := range streams {
			if len(s.items) > 0 && (first == nil || s.items[0].before(first.items[0].position)) {
				first = s
			}
		}
		if first == nil {
			return items, "", nil
		}
		found := first.items[0]
		first.items = first.items[1:]
		if l.cursor != "" && !after.before(found.position) {
			continue // the cursor's own, or one of its time before it
		}
		// One more than the page holds shows that there is a next one.
		if len(items) == l.limit {
			return items, l.query.cursor(last), nil
		}
		items, last = append(items, found.item), found.position
	}
}

func (p listed[T]) before(q position) bool { return p.position.before(q) }

// fill reads on in the shards of which nothing is left.
func (l *listing[T]) fill(ctx context.Context, streams []*stream[T]) error {
	for {
		var requests []request
		var of []*stream[T]
		for _, s := range streams {
			if len(s.items) == 0 && !s.done {
				of = append(of, s)
				requests = append(requests, l.piece(s, min(share(l.limit+1, len(streams)), 1000)))
			}
		}
		if len(of) == 0 {
			return nil
		}
		replies, err := l.doAll(ctx, requests)
		if err != nil {
			return err
		}
		for i, s := range of {
			if err := l.read(s, asList(replies[i])); err != nil {
				return err
			}
		}
	}
}
