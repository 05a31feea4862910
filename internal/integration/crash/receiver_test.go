//go:build unix

package crash

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/signer"
)

// receiver gets the requests of all processes and keeps its own log of them.
type receiver struct {
	server *httptest.Server
	// delay is the mean time that it takes to answer, refuse how many in a hundred
	// first requests of a delivery it refuses.
	delay  time.Duration
	refuse int

	mu       sync.Mutex
	secrets  map[string]signer.Secret // by path
	ids      map[string]string        // endpoints by path
	requests []*history.Request
	seen     map[string]int // requests by delivery
	taken    map[string]bool
	by       map[string]int // deliveries taken, by process
	progress chan struct{}  // closed and made anew when one more delivery was taken
}

func newReceiver(t *testing.T) *receiver {
	rc := &receiver{
		secrets: map[string]signer.Secret{}, ids: map[string]string{}, seen: map[string]int{}, taken: map[string]bool{}, by: map[string]int{},
		progress: make(chan struct{}),
	}
	rc.server = httptest.NewServer(rc)
	t.Cleanup(rc.server.Close)
	return rc
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its sender has died
	}
	id, token, engine := seen(r.Header)
	rc.mu.Lock()
	secret := rc.secrets[r.URL.Path]
	rc.mu.Unlock()
	_, err = signer.StandardWebhooks().Verify(r.Header, body, secret)
	rc.mu.Lock()
	req := &history.Request{
		Delivery: id, Token: token, Engine: engine, Endpoint: rc.ids[r.URL.Path], Event: r.Header.Get("webhook-id"),
		Body: sha256.Sum256(body), Verified: err == nil, At: at,
	}
	rc.seen[id]++
	first := rc.seen[id] == 1
	rc.requests = append(rc.requests, req)
	rc.mu.Unlock()

	if rc.delay > 0 {
		time.Sleep(rc.delay/2 + time.Duration(rand.Int64N(int64(rc.delay)))) // the receiver's work
	}
	status := http.StatusOK
	if first && rand.IntN(100) < rc.refuse {
		status = http.StatusServiceUnavailable
	}
	rc.mu.Lock()
	req.Status, req.Answered = status, time.Now()
	if status == http.StatusOK && !rc.taken[id] {
		rc.taken[id] = true
		process, _, _ := strings.Cut(engine, ".")
		rc.by[process]++
		close(rc.progress)
		rc.progress = make(chan struct{})
	}
	rc.mu.Unlock()
	w.WriteHeader(status)
}

// distinct counts the deliveries that were taken, and returns what is closed at
// the next one.
func (rc *receiver) distinct() (int, <-chan struct{}) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.taken), rc.progress
}

// takenFrom counts the deliveries that a process made, in the same way.
func (rc *receiver) takenFrom(process string) (int, <-chan struct{}) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.by[process], rc.progress
}

func (rc *receiver) log() []history.Request {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	log := make([]history.Request, len(rc.requests))
	for i, r := range rc.requests {
		log[i] = *r
		log[i].Engine = strings.Clone(r.Engine)
	}
	return log
}
