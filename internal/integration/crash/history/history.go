package history

import (
	"time"

	"github.com/postrider/postrider/store"
)

// History is everything that was seen of a run.
type History struct {
	Terms     Terms
	Records   []Record  // of all processes; in order for each of them
	Processes []Process // what was done to them
	Outages   []Outage
	Requests  []Request // the receiver's log
	Publishes []Publish
	Final     Final
}

// Terms are what the engines were told, and what is held against them.
type Terms struct {
	// Lease is what claims must ask for: the time of an attempt and the margin.
	Lease time.Duration
	// Delays are those of the retry schedule.
	Delays []time.Duration
	// Suspect is after how many leases in a row that ran out a delivery is tried
	// alone, 0 not to check that, and Settled how long a process that does so must
	// have run.
	Suspect int
	Settled time.Duration
	// Tolerance is the precision of the store's times, and how far its clock may
	// be from that of the machine.
	Tolerance time.Duration
	// DoneWithin and HealthyWithin bound the recovery: after the last trouble and
	// a lease everything must have ended, and after an outage outcomes must be
	// stored again. 0 does not check.
	DoneWithin, HealthyWithin time.Duration
	// CallsPerSecond bounds the calls of each loop of an engine during an outage.
	CallsPerSecond int
	// Fails tells that receivers may refuse for good, so that deliveries may use
	// up their retries. Otherwise every one must be delivered.
	Fails bool
}

// Process is one process and what was done to it.
type Process struct {
	Name    string
	Started time.Time
	// Died is when it was killed, or ended with an error; zero if it outlived the
	// run or ended as it was asked to.
	Died time.Time
	// Stopped are the times for which it stood still.
	Stopped []Span
}

// Span is a stretch of time.
type Span struct{ From, To time.Time }

func (s Span) overlaps(from, to time.Time) bool { return !s.From.After(to) && !s.To.Before(from) }

// Outage is a time for which the store could not be reached, or might lose calls.
type Outage struct {
	Span
	// Brief: the store was there again at once, as after a cut connection; nothing
	// is expected of the calls' number.
	Brief bool
	// Undoes is for how long before its beginning answers may be taken back, as a
	// failover does with what the new master has not received. Acknowledged events
	// are not among them.
	Undoes time.Duration
}

// Request is one that reached the receiver.
type Request struct {
	// Delivery, Token and Engine are what the process said of it.
	Delivery string
	Token    int64
	Engine   string
	Endpoint string
	Event    string
	Body     [32]byte
	Verified bool
	At       time.Time
	// Answered is when the answer went out, zero if it never did.
	Answered time.Time
	Status   int
}

// Publish is one call that named an idempotency key. Whether it made an event is
// in the records; this is what the publisher was told.
type Publish struct {
	Key          string
	Event        string
	Acknowledged bool
}

// Final is what the store says at the end.
type Final struct {
	At         time.Time
	Events     []FinalEvent
	Deliveries []FinalDelivery
	Counts     store.Counts
}

// FinalEvent is an event in the store.
type FinalEvent struct {
	ID   string
	Body [32]byte
}

// FinalDelivery is a delivery in the store with its attempts.
type FinalDelivery struct {
	store.Delivery
	Recorded []store.Attempt
}
