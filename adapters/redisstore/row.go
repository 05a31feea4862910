package redisstore

import (
	"github.com/postrider/postrider/store"
)

// A row is a delivery without what its event says. The scripts write it; its
// layout is described in scripts/prelude.lua.
const (
	rowClaimed = 8
	rowExtra   = 32
	rowShort   = 64
)

// fillRow reads a row into d, all but what the event says.
func fillRow(d *store.Delivery, p place, text string) error {
	r := reader{rest: text}
	flags := r.fixed(1)
	d.ID = p.id()
	d.State = store.State(flags & 7)
	d.CreatedAt = timeOf(p.number)
	if flags&rowShort != 0 {
		d.Token = 1
		d.VisibleAt, d.UpdatedAt = d.CreatedAt, d.CreatedAt
		d.EndpointID = r.take(uint64(r.fixed(1))) // #nosec G115 -- never negative
		return r.err()
	}
	d.Token = r.fixed(4)
	d.Attempts = int(r.fixed(3))
	d.Tries = int(r.fixed(3))
	d.Expiries = int(r.fixed(2))
	d.Interrupted = int(r.fixed(3))
	d.LastStatus = int(int16(r.fixed(2))) // #nosec G115 -- two bytes
	d.VisibleAt = timeOf(r.fixed(7))
	d.UpdatedAt = timeOf(r.fixed(7))
	d.DeliveredAt = timeOf(r.fixed(7))
	d.Reason = store.Code(r.take(uint64(r.fixed(1)))) // #nosec G115 -- never negative
	d.EndpointID = r.take(uint64(r.fixed(1)))         // #nosec G115 -- never negative
	if flags&rowExtra != 0 && len(r.rest) >= numberLen {
		d.CreatedAt = timeOf(numberOf(r.rest[len(r.rest)-numberLen:]))
	}
	d.Claimed = flags&rowClaimed != 0
	return r.err()
}
