package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// Target is an empty store and what the suite may do to it. Only Store is
// required; tests that need a hook which is nil are skipped and say so.
type Target struct {
	// Store is the store under test. Nothing is in it.
	Store store.Store

	// Advance moves the store's clock forward by d. It is called concurrently
	// with the store's methods. Nil means that the clock runs by itself: the
	// suite then waits in real time.
	Advance func(d time.Duration)

	// Reopen returns another handle on the same data, as another process would
	// have it, with nothing shared in memory. Nil if there can be none. The
	// suite does not close what it gets; that is up to tb.Cleanup.
	Reopen func() (store.Store, error)

	// Begin begins a transaction of the host on the store's database. Nil if
	// the store is not transactional.
	Begin func() (Tx, error)

	// Bounded returns an empty store, of the same kind and with the same clock,
	// that has room for at least 8 events with one delivery each and answers
	// [store.ErrFull] before there are 10,000. Nil if the store has no bound of
	// its own.
	Bounded func(tb testing.TB) store.Store
}

// Tx is a transaction of the host, as its code would hold it.
type Tx struct {
	// Tx is the Writer that the store bound to the transaction.
	store.Tx
	// Commit and Rollback end the transaction. The suite calls one of them.
	Commit, Rollback func() error
}

// Factory opens an empty store for one test and releases it through tb.Cleanup.
// Tests run in parallel, so a Factory is called concurrently, and what it
// returns shares nothing with what it returned before.
type Factory func(tb testing.TB) Target

// Option changes what [Run] does.
type Option func(*config)

type config struct {
	seed       uint64
	exceptions []exception
}

type exception struct{ test, why string }

// Exception tells that the store does not pass the named test, such as
// "Claim/Order", and why. The test is run all the same and has to fail: an
// exception that is not needed any more fails the suite, and so does one that
// names no test or no reason.
func Exception(test, why string) Option {
	return func(c *config) { c.exceptions = append(c.exceptions, exception{test, why}) }
}

// Seed sets the seed of the random tests, to repeat a failure or to look
// further than the default, 1, does. They print the seed they used.
func Seed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// Run runs the whole suite as subtests of t, named Part/Rule, in parallel.
// With -short the random and the concurrent tests are shorter.
func Run(t *testing.T, open Factory, options ...Option) {
	t.Helper()
	c := config{seed: 1}
	for _, o := range options {
		o(&c)
	}
	why, errs := index(c.exceptions)
	for _, err := range errs {
		t.Error(err)
	}
	for _, part := range parts() {
		t.Run(part, func(t *testing.T) {
			for _, p := range proofs {
				group, name, _ := strings.Cut(p.name, "/")
				if group != part {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					runProof(t, p, open, c.seed, why[p.name])
				})
			}
		})
	}
}

// proofs are all tests, in the order in which they run.
var proofs = slices.Concat(
	infoProofs, everyProofs, copyProofs, tenantProofs,
	matchProofs, insertProofs, dedupeProofs, txProofs,
	dueProofs, sweepProofs, claimProofs, claimBoundsProofs, leaseProofs, settleProofs, fenceProofs,
	endpointProofs, statusProofs, pageProofs, cursorProofs, filterProofs, statsProofs,
	requeueProofs, cancelProofs, purgeProofs, churnProofs, eraseProofs, sharedProofs, notifierProofs, announceProofs,
	modelProofs, concurrentProofs,
)

// Tests returns the names of all tests, in the order in which they run.
func Tests() []string {
	names := make([]string, len(proofs))
	for i, p := range proofs {
		names[i] = p.name
	}
	return names
}

// parts returns the first part of the tests' names, each once.
func parts() []string {
	var names []string
	for _, p := range proofs {
		part, _, _ := strings.Cut(p.name, "/")
		if !slices.Contains(names, part) {
			names = append(names, part)
		}
	}
	return names
}

// index checks the exceptions and returns their reasons by test.
func index(exceptions []exception) (why map[string]string, errs []error) {
	why = make(map[string]string)
	for _, e := range exceptions {
		switch {
		case !slices.Contains(Tests(), e.test):
			errs = append(errs, fmt.Errorf("exception names %q, which is no test of the suite", e.test))
		case strings.TrimSpace(e.why) == "":
			errs = append(errs, fmt.Errorf("exception of %s does not say why", e.test))
		case why[e.test] != "":
			errs = append(errs, fmt.Errorf("%s is excepted twice", e.test))
		default:
			why[e.test] = e.why
		}
	}
	return why, errs
}
