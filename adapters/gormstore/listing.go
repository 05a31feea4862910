package gormstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/postrider/postrider/store"
)

// listing reads a page of a list, newest first, in two kinds of statements that
// are both bounded, whatever the list is filtered by: one reads the next
// candidates, nothing but an index, and one what is wanted of these. A filter
// that few records pass gives short pages.
type listing[K, T any] struct {
	kind   string
	filter []any
	cursor string
	limit  int
	// newest is the place before the first record; place and parse are the form
	// of a place in a cursor.
	newest K
	place  func(K) []byte
	parse  func([]byte) (K, error)
	// below returns up to n candidates that come next after a place in the list,
	// at least one if there is any, and whether they are the last.
	below func(ctx context.Context, c conn, before K, n int) (candidates []K, end bool, err error)
	// fetch returns the first of the candidates that belong to the list, at least
	// want of them if there are as many, with their places and in the list's
	// order. Candidates may have gone meanwhile.
	fetch func(ctx context.Context, c conn, candidates []K, want int) ([]listed[K, T], error)
}

type listed[K, T any] struct {
	at     K
	record T
}

const (
	// candidateRows bounds the candidates of one statement.
	candidateRows = 4000
	// pageRows is how many candidates a call looks at when it has found some, but
	// not a page.
	pageRows = 20_000
)

func (l *listing[K, T]) page(ctx context.Context, s *Store, doing string) (page store.Page[T], err error) {
	if l.limit < 1 {
		return page, failed(doing, errors.New("the Limit must be at least 1"))
	}
	before := l.newest
	if l.cursor != "" {
		if err := s.identify(ctx, doing); err != nil {
			return page, err
		}
		place, err := s.placeOf(l.kind, l.filter, l.cursor)
		if err == nil {
			before, err = l.parse(place)
		}
		if err != nil {
			return page, failed(doing, err)
		}
	}
	next := func(at K) store.Page[T] {
		page.Next = s.cursor(l.kind, l.filter, l.place(at))
		return page
	}
	n := min(l.limit, candidateRows-1) + 1 // one more shows that there is a next page
	last, looked := before, 0              // the place of the page's last record
	for {
		var candidates []K
		var found []listed[K, T]
		var end bool
		// Each round has the time of a call: there can be many.
		err := s.read(ctx, doing, func(ctx context.Context, c conn) (err error) {
			if candidates, end, err = l.below(ctx, c, before, n); err != nil || len(candidates) == 0 {
				found = nil
				return err
			}
			found, err = l.fetch(ctx, c, candidates, l.limit+1-len(page.Items))
			return err
		})
		if err != nil {
			return store.Page[T]{}, err
		}
		for _, f := range found {
			if len(page.Items) == l.limit {
				return next(last), nil
			}
			page.Items, last = append(page.Items, f.record), f.at
		}
		if end || len(candidates) == 0 {
			return page, nil
		}
		before = candidates[len(candidates)-1]
		if looked += len(candidates); looked >= pageRows && len(page.Items) > 0 {
			return next(before), nil
		}
		n = min(4*n, candidateRows)
	}
}

// span is the part of a list between two times, as numbers: from <= n < to.
type span struct{ from, to int64 }

func spanOf(from, to time.Time) span {
	s := span{0, math.MaxInt64}
	if !from.IsZero() {
		s.from = max(nanosOf(from), 0)
	}
	if !to.IsZero() {
		s.to = max(nanosOf(to), 0)
	}
	return s
}

// The times that 64 bits of nanoseconds can tell.
var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

func nanosOf(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// among calls do with a condition for candidates, newest first, as often as it
// takes. All that there is between the first and the last of them is a range.
func among(column string, candidates []int64, all bool, do func(condition string, args []any) error) error {
	if all {
		return do(column+" >= ? AND "+column+" <= ?", []any{candidates[len(candidates)-1], candidates[0]})
	}
	return inLists(candidates, func(list string, args []any) error { return do(column+" IN ("+list+")", args) })
}

// through asks for an index where a database might prefer to walk down the
// primary key and filter. Postgres is told by the form of the condition.
func (d dialect) through(index string) string {
	switch d {
	case mysql, mariadb:
		return " FORCE INDEX ({" + index + "})"
	case sqlite:
		return " INDEXED BY {" + index + "}"
	case postgres:
	}
	return ""
}

// between is a condition for the rows with one value of the first column of an
// index and numbers below and from given ones in the second, and its order,
// newest first. On Postgres both columns stand in both, so that no other index
// has the order.
func (d dialect) between(table, first, second string) (condition, order string) {
	a, b := table+"."+first, table+"."+second
	if d == postgres {
		return "(" + a + ", " + b + ") < (?, ?) AND (" + a + ", " + b + ") >= (?, ?)", a + " DESC, " + b + " DESC"
	}
	return a + " = ? AND " + b + " < ? AND " + b + " >= ?", b + " DESC"
}

func (d dialect) betweenArgs(first any, below, from int64) []any {
	if d == postgres {
		return []any{first, below, first, from}
	}
	return []any{first, below, from}
}

// byNumber keeps MySQL from another index where rows are named by their numbers.
func (d dialect) byNumber() string {
	if d == mysql || d == mariadb {
		return " FORCE INDEX (PRIMARY)"
	}
	return ""
}
