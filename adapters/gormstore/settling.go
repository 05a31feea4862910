package gormstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/postrider/postrider/store"
)

// settling decides what becomes of outcomes, for the dialects that read the
// deliveries and lock them before they write.
type settling struct {
	*settlement
	// next is the place in todo of the first outcome whose delivery has not been
	// read.
	next int
	// changes are the deliveries to be changed, by how.
	changes map[change][]changed
	// attempts are those to be stored.
	attempts []numberedAttempt
	counts   tally
	row      heldRow
	dest     []any
}

// change is what an outcome does to its delivery, and other outcomes alike.
type change struct {
	state   store.State
	reason  store.Code
	attempt bool
	free    bool
	status  int
	// token and attempts are what the delivery must have, if it was not read.
	token, attempts int64
}

// changed is a delivery that is changed, and how long it rests if it stays
// pending, in microseconds.
type changed struct{ id, delay int64 }

type numberedAttempt struct {
	*store.Attempt
	delivery, number int64
}

// heldColumns are what a heldRow reads, of deliveries d.
const heldColumns = `d.id, d.token, d.state, d.hold, d.attempts, d.tenant, d.endpoint_id, d.lost_tokens`

type heldRow struct {
	id, token, state, hold, attempts number
	tenant, endpoint                 string
	lost                             sql.NullString
}

func newSettling(b *settlement) *settling {
	s := &settling{settlement: b, changes: make(map[change][]changed), counts: make(tally)}
	s.attempts = make([]numberedAttempt, 0, len(b.todo))
	r := &s.row
	s.dest = []any{&r.id, &r.token, &r.state, &r.hold, &r.attempts, &r.tenant, &r.endpoint, &r.lost}
	return s
}

// ids are the deliveries that the outcomes are about, each once, rising.
func (s *settling) ids() []int64 {
	ids := make([]int64, 0, len(s.todo))
	for _, o := range s.todo {
		if len(ids) == 0 || ids[len(ids)-1] != o.number {
			ids = append(ids, o.number)
		}
	}
	return ids
}

// decide decides what becomes of the outcomes about the delivery that was read
// into dest. Deliveries come in the order of ids.
func (s *settling) decide() {
	r := &s.row
	for s.next < len(s.todo) && s.todo[s.next].number < int64(r.id) {
		s.next++ // there is no such delivery
	}
	for ; s.next < len(s.todo) && s.todo[s.next].number == int64(r.id); s.next++ {
		o := s.todo[s.next]
		if o.Token > 0 && o.Token == int64(r.token) && store.State(r.state) == store.StatePending && r.hold != holdSettled { // #nosec G115 -- written by this package
			o.applied = true
			s.apply(o, change{})
		} else {
			o.repeated = wasSettled(o.Token, int64(r.token), int(r.hold), r.lost.String)
		}
	}
}

// believe decides what becomes of the outcomes if their deliveries are as they were
// claimed, which update finds out.
func (s *settling) believe(rows []claimedRow) {
	for i, o := range s.todo {
		r := &rows[i]
		s.row = heldRow{id: number(o.number), attempts: number(r.attempts), tenant: r.tenant, endpoint: r.endpoint}
		o.applied = true
		s.apply(o, change{token: r.token, attempts: r.attempts})
	}
}

// apply notes what an outcome does, to a delivery of which k says what it must
// have.
func (s *settling) apply(o *numbered, k change) {
	r := &s.row
	k.state, k.reason = o.State, o.Reason
	if o.State != store.StatePending {
		d := store.Counts{Pending: -1}
		*d.Of(o.State)++
		s.counts.add(place{r.tenant, r.endpoint}, d)
	}
	if o.Attempt != nil {
		k.attempt, k.free, k.status = true, o.Free, o.Attempt.Status
		s.attempts = append(s.attempts, numberedAttempt{o.Attempt, o.number, int64(r.attempts) + 1})
	}
	s.changes[k] = append(s.changes[k], changed{o.number, max(o.Delay.Microseconds(), 0)})
}

// update changes the deliveries, those alike by one statement, which lists at most
// so many. It returns errNotAsClaimed if one does not have what it must.
func (s *settling) update(ctx context.Context, c conn, verb string, most int, now int64) error {
	for k, list := range s.changes {
		for len(list) > 0 {
			n := min(len(list), most)
			size := powerOfTwo(n)
			args := make([]any, 0, 8+3*size)
			args = append(args, int64(k.state), now)
			if k.state == store.StatePending {
				for i := range size {
					d := list[min(i, n-1)]
					args = append(args, d.id, now+d.delay)
				}
			}
			args = append(args, k.values(now)...)
			for i := range size {
				args = append(args, list[min(i, n-1)].id)
			}
			text := settleText(verb, c.s.dialect, k.state, size)
			if k.token > 0 {
				text += " AND token = ? AND attempts = ? AND " + statePending + " AND hold <> 2"
				args = append(args, k.token, k.attempts)
			}
			changed, err := c.exec(ctx, text, args...)
			if err != nil {
				return err
			}
			if k.token > 0 && changed != int64(n) {
				return errNotAsClaimed
			}
			list = list[n:]
		}
	}
	return nil
}

// settleText is the text of an update of so many deliveries.
func settleText(verb string, d dialect, state store.State, size int) string {
	place := ""
	switch {
	case state == store.StatePending:
		place = " " + d.release() + "visible_at = CASE id" + strings.Repeat(" WHEN ? THEN ?", size) + " ELSE visible_at END,"
	case d == sqlite:
		place = " room = NULL," // it takes what the other columns grow by
	}
	return verb + " SET state = ?, hold = 2, updated_at = ?," + place + ` reason = COALESCE(?, reason),
		attempts = attempts + ?, tries = tries + ?, expiries = COALESCE(?, expiries),
		last_status = COALESCE(?, last_status), delivered_at = COALESCE(delivered_at, ?) WHERE id IN (` + list(size) + ")"
}

// values are the parameters for reason and what follows; NULL changes nothing.
func (k *change) values(now int64) []any {
	var reason, expiries, status, delivered any
	attempt, try := 0, 0
	if k.attempt {
		attempt, expiries, status = 1, 0, k.status
		if !k.free {
			try = 1
		}
	}
	if k.reason != "" {
		reason = clean(string(k.reason))
	}
	if k.state == store.StateDelivered {
		delivered = now
	}
	return []any{reason, attempt, try, expiries, status, delivered}
}

// attemptRows are the rows to be inserted into the attempts. Most attempts went
// well, and theirs have fewer parameters.
func (s *settling) attemptRows() [2]valueRows {
	well, other := valueRows{form: "?, ?, ?, ?, ?, ?, ?, '', '', 0"}, valueRows{form: list(10)}
	well.values = make([]any, 0, 7*len(s.attempts))
	var detail []byte
	for i := range s.attempts {
		a := s.attempts[i].Attempt
		detail = appendDetail(detail[:0], a)
		rows := &other
		if a.Code == "" && a.Error == "" && !a.Truncated {
			rows = &well
		}
		rows.add(len(detail)+len(a.Error)+len(a.ResponseBody), s.attempts[i].delivery, s.attempts[i].number,
			nullTime(a.StartedAt), int64(a.Duration), int64(a.Status), string(detail), orEmpty(a.ResponseBody))
		if rows == &other {
			rows.values = append(rows.values, clean(string(a.Code)), clean(a.Error), boolInt(a.Truncated))
		}
	}
	return [2]valueRows{well, other}
}
