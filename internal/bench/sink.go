package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// controlPrefix begins the paths by which the sink is told what to do; every
// other path is "/" and the number of an endpoint.
const controlPrefix = "/control/"

// sinkConfig says how the sink behaves until it is told otherwise.
type sinkConfig struct {
	// Endpoints is how many paths there are: /0 and up.
	Endpoints int
	// Hang is how many of the first paths read the request and never answer.
	Hang int
	// Fail is how many of the last paths answer 500.
	Fail int
	// Record keeps the time of every receipt. It costs memory and a lock, so
	// that it is for moderate rates only.
	Record bool
	// Verify is one of how many signatures to check; 0 for none.
	Verify int
	// Keys are the keys of the endpoints' signatures, by number, for Verify.
	Keys [][]byte
}

// sinkReport is what the sink saw since its configuration.
type sinkReport struct {
	// Received counts requests whose body was read to the end, the ones that
	// hang or fail included, and Paths the endpoints that got any.
	Received int64
	Paths    int
	// Hanging is how many requests wait at the moment for an answer that does
	// not come.
	Hanging int64
	// Failed counts the requests that were answered 500.
	Failed int64
	// Verified and Forged count checked signatures.
	Verified, Forged int64
	// Receipts are all receipts in the order of their arrival, if recorded.
	Receipts []receipt
}

// receipt is one request that arrived.
type receipt struct {
	ID       string
	Endpoint int
	// At is the wall clock in nanoseconds, read when the body had arrived. The
	// wall clock is the one clock that processes share.
	At int64
}

// sink receives webhooks. It answers 200 with an empty body.
type sink struct{ state atomic.Pointer[sinkState] }

// sinkState is the sink since its last configuration. A request that outlives
// the configuration under which it came counts there.
type sinkState struct {
	sinkConfig
	paths    []pathCount
	hanging  atomic.Int64
	failed   atomic.Int64
	verified atomic.Int64
	forged   atomic.Int64
	mu       sync.Mutex
	receipts []receipt
}

// pathCount is a counter on a cache line of its own.
type pathCount struct {
	n atomic.Int64
	_ [56]byte
}

func newSink() *sink {
	s := &sink{}
	s.configure(sinkConfig{})
	return s
}

func (s *sink) configure(c sinkConfig) {
	s.state.Store(&sinkState{sinkConfig: c, paths: make([]pathCount, c.Endpoints)})
}

// ServeHTTP implements http.Handler.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.serveControl(w, r)
		return
	}
	st := s.state.Load()
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n < 0 || n >= len(st.paths) || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	st.receive(w, r, n)
}

func (st *sinkState) receive(w http.ResponseWriter, r *http.Request, n int) {
	var body []byte
	var err error
	sampled := st.Verify > 0 && st.paths[n].n.Load()%int64(st.Verify) == 0
	if sampled {
		body, err = io.ReadAll(r.Body)
	} else {
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if st.Record {
		rec := receipt{ID: r.Header.Get("Webhook-Id"), Endpoint: n, At: time.Now().UnixNano()}
		st.mu.Lock()
		st.receipts = append(st.receipts, rec)
		st.mu.Unlock()
	}
	st.paths[n].n.Add(1)
	if sampled {
		st.check(r.Header, body, n)
	}
	switch {
	case n < st.Hang:
		st.hanging.Add(1)
		<-r.Context().Done() // the sender gave up
		st.hanging.Add(-1)
	case n >= st.Endpoints-st.Fail:
		st.failed.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// check verifies a Standard Webhooks v1 signature, written from the
// specification and apart from every contender's code.
func (st *sinkState) check(h http.Header, body []byte, n int) {
	if n < len(st.Keys) {
		mac := hmac.New(sha256.New, st.Keys[n])
		fmt.Fprintf(mac, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, got := range strings.Fields(h.Get("Webhook-Signature")) {
			if hmac.Equal([]byte(got), []byte(want)) {
				st.verified.Add(1)
				return
			}
		}
	}
	st.forged.Add(1)
}

func (st *sinkState) report(receipts bool) sinkReport {
	rep := sinkReport{
		Hanging: st.hanging.Load(), Failed: st.failed.Load(),
		Verified: st.verified.Load(), Forged: st.forged.Load(),
	}
	for i := range st.paths {
		if n := st.paths[i].n.Load(); n > 0 {
			rep.Received += n
			rep.Paths++
		}
	}
	if receipts {
		st.mu.Lock()
		defer st.mu.Unlock()
		rep.Receipts = append(rep.Receipts, st.receipts...)
	}
	return rep
}

func (s *sink) serveControl(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, controlPrefix) {
	case "configure":
		var c sinkConfig
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.configure(c)
		w.WriteHeader(http.StatusNoContent)
	case "report":
		w.Header().Set("Content-Type", "application/json")
		// The status is out by now; a broken answer shows at the reader.
		_ = json.NewEncoder(w).Encode(s.state.Load().report(r.URL.Query().Has("receipts")))
	default:
		http.NotFound(w, r)
	}
}

// serveSink is the sink's process. It prints its base URL on a line of its own
// and ends when stdin does, which is when the parent has ended.
func serveSink(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	srv := &http.Server{Handler: newSink(), ReadHeaderTimeout: time.Minute}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	go func() {
		<-ctx.Done()
		_ = srv.Close() // requests that hang would hold Shutdown for ever
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sink: %w", err)
	}
	return nil
}
