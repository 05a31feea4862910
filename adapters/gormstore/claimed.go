package gormstore

import (
	"errors"
	"sync"

	"github.com/postrider/postrider/store"
)

// A delivery is mostly settled by the process that claimed it, while it is as the
// claim left it. So SQLite's claims remember what they took, and to settle that
// is an update under the condition that it is still so, without a look at the row
// before. If one of a batch is not, the transaction is rolled back, and the call
// runs again and looks: what was remembered is used once.

// errNotAsClaimed tells that a delivery is not as a claim left it.
var errNotAsClaimed = errors.New("a delivery is not as it was claimed")

// claimedRow is what a claim knows of a delivery that it took. Tenant and endpoint
// never change.
type claimedRow struct {
	token, attempts  int64
	tenant, endpoint string
}

// maxClaimed bounds the deliveries that are remembered.
const maxClaimed = 1 << 15

// claimedRows remembers what was claimed, by number. The zero value is empty.
type claimedRows struct {
	mu    sync.Mutex
	known map[int64]claimedRow
}

// add remembers the deliveries of a batch.
func (m *claimedRows) add(rows []takenRow, b *store.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxClaimed {
		m.known = make(map[int64]claimedRow)
	}
	for i := range b.Deliveries {
		d := &b.Deliveries[i].Delivery
		m.known[int64(rows[i].id)] = claimedRow{d.Token, int64(d.Attempts), clean(d.Tenant), clean(d.EndpointID)}
	}
}

// take returns what is known of the deliveries that outcomes are about, and
// forgets it. ok is false if one of them was not claimed here under the token of
// its outcome.
func (m *claimedRows) take(outcomes []*numbered) (rows []claimedRow, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, ok = make([]claimedRow, len(outcomes)), true
	for i, o := range outcomes {
		rows[i] = m.known[o.number]
		ok = ok && rows[i].token > 0 && rows[i].token == o.Token
		delete(m.known, o.number)
	}
	return rows, ok
}
