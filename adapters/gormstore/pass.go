package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"
)

const (
	// maxKept bounds the events that a pass remembers, and wholeEvery is how often
	// it begins at the first event again; soon, if there were more.
	maxKept    = 100_000
	wholeEvery = 24 * time.Hour
	wholeSoon  = time.Hour
	// lateCommit is for how long a transaction may be open that has taken numbers:
	// so far back events can still appear.
	lateCommit = 10 * time.Minute
)

// pass is a walk over the old events, from call to call. It looks first at those
// that had to stay in the pass before, and then at those that have grown old
// since. The zero value is ready.
type pass struct {
	mu sync.Mutex
	// Events below behind were looked at in earlier passes; kept are those of
	// them that stayed, by rising number. It is all of them unless overflowed.
	behind     int64
	kept       []int64
	overflowed bool
	// whole is when a pass last began at the first event, in microseconds.
	whole int64

	// What follows is of the present pass, which goes on while running. again is
	// where it is in kept, and at where it is behind that.
	running bool
	// interrupted tells that a call has ended on the way, at its limit or in an
	// error.
	interrupted bool
	again       int
	at          int64
	// still are the events below sure that it has found to stay.
	still []int64
	sure  int64
}

// begin begins a pass, unless there is one.
func (p *pass) begin(now int64) {
	if p.running {
		return
	}
	every := wholeEvery
	if p.overflowed {
		every = wholeSoon
	}
	if now-p.whole >= every.Microseconds() {
		p.whole, p.behind, p.kept, p.overflowed = now, 0, nil, false
	}
	p.running, p.interrupted = true, false
	p.again, p.at, p.still = 0, p.behind, nil
	p.sure = (now - lateCommit.Microseconds()) * 1000
}

// next returns the next events of the pass that are older than a number. At its
// end it returns none, and the pass does not run any more.
func (p *pass) next(ctx context.Context, c conn, before int64, bodies bool) ([]eventSpan, error) {
	for p.again < len(p.kept) {
		young, _ := slices.BinarySearch(p.kept, before)
		if p.again >= young {
			for _, seq := range p.kept[p.again:] {
				p.keep(seq)
			}
			p.again = len(p.kept)
			break
		}
		part := p.kept[p.again:min(young, p.again+purgeWindow)]
		var events []eventSpan
		err := inLists(part, func(list string, args []any) error {
			found, _, err := p.spans(ctx, c, bodies, "seq IN ("+list+")", args...)
			events = append(events, found...)
			return err
		})
		if err != nil || len(events) > 0 {
			return events, err
		}
		p.again += len(part) // they are gone
	}
	events, last, err := p.spans(ctx, c, bodies, "seq >= ? AND seq < ?", p.at, before)
	switch {
	case err != nil || len(events) > 0:
		return events, err
	case last > 0:
		p.at = last + 1
		return nil, nil
	}
	p.behind = max(p.behind, min(before, p.sure))
	p.kept, p.still = p.still, nil
	p.running = false
	return nil, nil
}

// spans reads up to a window of events and leaves out those that have been
// emptied already, if that is what is to be done. last is the last it has read.
func (p *pass) spans(ctx context.Context, c conn, bodies bool, condition string, args ...any) (events []eventSpan, last int64, err error) {
	text := "SELECT seq, span, body_purged FROM {events}" + c.s.dialect.byNumber() + " WHERE " + condition + " ORDER BY seq LIMIT ?"
	err = c.query(ctx, text, append(args, purgeWindow), func(rows *sql.Rows) error {
		var e eventSpan
		var emptied int
		if err := rows.Scan(&e.seq, &e.end, &emptied); err != nil {
			return err
		}
		last = e.seq
		if e.end += e.seq; !bodies || emptied == 0 {
			events = append(events, e)
		}
		return nil
	})
	return events, last, err
}

// looked is called for each event that next returned, in order, as far as they
// were looked at.
func (p *pass) looked(seq int64, gone bool) {
	if p.again < len(p.kept) && seq <= p.kept[len(p.kept)-1] {
		i, _ := slices.BinarySearch(p.kept, seq)
		p.again = i + 1
	} else {
		p.at = seq + 1
	}
	if !gone && seq < p.sure {
		p.keep(seq)
	}
}

func (p *pass) keep(seq int64) {
	if len(p.still) < maxKept {
		p.still = append(p.still, seq)
		return
	}
	p.overflowed = true
}
