package gormstore

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"sync"

	"github.com/postrider/postrider/store"
)

// walk is a sweep over all lanes, between its pages. It begins after Start, goes
// to the last lane, and then from the first to Start: processes that all began
// at one end would meet at every lane.
type walk struct {
	Start   string `json:"s,omitempty"`
	At      string `json:"a,omitempty"`
	Wrapped bool   `json:"w,omitempty"` // it is past the last lane
}

func parseWalk(cursor string) (w walk, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		return w, store.ErrInvalidCursor
	}
	return w, nil
}

func (w walk) cursor() string {
	text, _ := json.Marshal(w) // strings and a bool
	return base64.RawURLEncoding.EncodeToString(text)
}

// starts remembers a lane at random, for the next walk to begin after.
type starts struct {
	mu   sync.Mutex
	lane string
	seen int
}

func (s *starts) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = 0
	return s.lane
}

// saw offers a lane, each of those seen since the last walk began with the same
// chance.
func (s *starts) saw(lane string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen++; rand.IntN(s.seen) == 0 { // #nosec G404 -- no secret
		s.lane = lane
	}
}
