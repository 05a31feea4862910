package history

import (
	"time"

	"github.com/postrider/postrider/store"
)

// Kind is what a record is about.
type Kind string

// The kinds of records that a process writes.
const (
	Started   Kind = "started"
	Calling   Kind = "calling" // a call to the store begins
	Called    Kind = "called"  // and has come back
	Dialling  Kind = "dialling"
	Responded Kind = "responded"
	Dying     Kind = "dying" // by its own hand, at a named point
)

// Record is one line of a process's log. At is the time of the machine's clock.
type Record struct {
	Kind    Kind      `json:"k"`
	At      time.Time `json:"at"`
	Process string    `json:"p"`
	Engine  string    `json:"e,omitempty"`
	// Call pairs the beginning and the end of a call within a process.
	Call int64  `json:"c,omitempty"`
	Op   string `json:"op,omitempty"`
	Err  string `json:"err,omitempty"`

	// Of a claim: what was asked for, and what came.
	Asked   []store.Lane  `json:"asked,omitempty"`
	Max     int           `json:"max,omitempty"`
	Lease   time.Duration `json:"lease,omitempty"`
	Now     time.Time     `json:"now,omitzero"`
	Claimed []Claimed     `json:"claimed,omitempty"`

	// Of a settle.
	Outcomes []Outcome `json:"outcomes,omitempty"`
	Lost     []string  `json:"lost,omitempty"`

	// Of an attempt.
	Attempt *Attempt `json:"attempt,omitempty"`

	// Of an insert: the events' ids, how many deliveries each was to have, and the
	// fate of each.
	Events   []string   `json:"events,omitempty"`
	Wanted   []int      `json:"wanted,omitempty"`
	Inserted []Inserted `json:"inserted,omitempty"`

	// Of a requeue: the deliveries named, and those that were made pending afresh.
	Requeued []string `json:"requeued,omitempty"`

	// Point is where the process kills itself.
	Point string `json:"point,omitempty"`
}

// Claimed is a delivery as a claim returned it.
type Claimed struct {
	ID          string    `json:"id"`
	Endpoint    string    `json:"ep"`
	Event       string    `json:"ev"`
	Token       int64     `json:"t"`
	Attempts    int       `json:"a,omitempty"`
	Tries       int       `json:"tr,omitempty"`
	Expiries    int       `json:"x,omitempty"`
	Interrupted int       `json:"i,omitempty"`
	Expired     bool      `json:"expired,omitempty"`
	VisibleAt   time.Time `json:"v"`
}

// Outcome is one that a process asked the store to keep.
type Outcome struct {
	ID    string        `json:"id"`
	Token int64         `json:"t"`
	State store.State   `json:"s"`
	Delay time.Duration `json:"d,omitempty"`
	Free  bool          `json:"f,omitempty"`
	// StartedAt and Status are those of its attempt; HasAttempt tells whether
	// there is one.
	HasAttempt bool      `json:"at,omitempty"`
	StartedAt  time.Time `json:"st,omitzero"`
	Status     int       `json:"c,omitempty"`
}

// Attempt is one attempt as its process sees it.
type Attempt struct {
	ID        string    `json:"id"`
	Token     int64     `json:"t"`
	StartedAt time.Time `json:"st,omitzero"`
	Status    int       `json:"c,omitempty"`
	Code      string    `json:"code,omitempty"`
}

// Inserted is the fate of an event.
type Inserted struct {
	Event      string              `json:"ev"`
	Deliveries []store.DeliveryRef `json:"d,omitempty"`
	Duplicate  bool                `json:"dup,omitempty"`
	Conflict   bool                `json:"conf,omitempty"`
}

// The calls that processes record.
const (
	OpMatch   = "match"
	OpInsert  = "insert"
	OpDue     = "due"
	OpClaim   = "claim"
	OpSettle  = "settle"
	OpPurge   = "purge"
	OpRequeue = "requeue"
)
