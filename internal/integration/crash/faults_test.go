//go:build unix

package crash

import (
	"net/http"
	"slices"
	"testing"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// Each fault is one that somebody who writes a store or an engine could make. It
// is put between the processes and a store without faults, between an engine and
// what records its calls, or into what was recorded, and must be found by the rule
// that it breaks.
var faults = []struct {
	name string
	fault
	rules []history.Rule // one of them must be among those broken
}{
	{"the fence is dropped", inStore(settleUnfenced), []history.Rule{history.Fence}},
	{"the fence lets the holder before through", inStore(settleOneBehind), []history.Rule{history.Fence}},
	{"the fence is the time", inStore(settleByTime), []history.Rule{history.Fence}},
	{"a rightful outcome is refused", inStore(refuseSome), []history.Rule{history.Fence}},
	{"the lease is taken from a clock that is behind", inStore(leaseBehind), []history.Rule{history.Exclusive}},
	{"the lease is taken from a clock that is ahead", inStore(leaseAhead), []history.Rule{history.Late, history.Lease}},
	{"the store's now is another process's", inStore(nowElsewhere), []history.Rule{history.Lease}},
	{"a claim returns a delivery twice", inStore(claimTwice), []history.Rule{history.Exclusive}},
	{"a claim returns what another holds", inStore(claimHeld), []history.Rule{history.Exclusive}},
	{"a claim does not raise the token of an expired lease", inStore(tokenKept), []history.Rule{history.Exclusive, history.Fence}},
	{"a claim brings more than was asked for", inStore(claimBeyond), []history.Rule{history.Exclusive}},
	{"a settle is answered and not written", inStore(settleForgotten), []history.Rule{history.Unsaved, history.Exclusive}},
	{"a settle writes the state without the attempt", inStore(settleHalf), []history.Rule{history.Unsaved}},
	{"a settle that fails has written half of it", inStore(settleTorn), []history.Rule{history.Numbering, history.Untrue}},
	{"a delivery is lost at the insert", inStore(insertLess), []history.Rule{history.Lost}},
	{"an insert that fails has written half of it", inStore(insertTorn), []history.Rule{history.Lost}},
	{"a publish is acknowledged and not stored", inStore(insertNothing), []history.Rule{history.Lost}},
	{"one key makes two events", inStore(insertAnew), []history.Rule{history.Duplicate}},
	{"a delivered delivery is claimed again", inStore(resurrect), []history.Rule{history.Exclusive}},
	{"a retry is claimed at once", inStore(settleAtOnce), []history.Rule{history.Schedule}},
	{"a requeue forgets the fence", inStore(requeueUnfenced), []history.Rule{history.Fence}},
	{"an expired lease counts as a try", inStore(expiryIsTry), []history.Rule{history.Budget}},
	{"an expired lease gives the tries back", inStore(expiryIsAmnesty), []history.Rule{history.Budget}},
	{"expired leases are not counted", inStore(expiryUncounted), []history.Rule{history.Expiry}},
	{"a settle counts as an expired lease", inStore(expiryOvercounted), []history.Rule{history.Expiry}},
	{"an attempt does not end the row of expired leases", inStore(expiriesKept), []history.Rule{history.Expiry}},
	{"a release ends the row of expired leases", inStore(expiriesReleased), []history.Rule{history.Expiry}},
	{"an attempt is recorded twice", inStore(attemptTwice), []history.Rule{history.Numbering}},
	{"numbers of attempts are used again", inStore(numbersReused), []history.Rule{history.Numbering}},
	{"a requeue erases the first success", inStore(successErased), []history.Rule{history.Unsaved}},
	{"the last row's attempt is another's", inStore(attemptOfAnother), []history.Rule{history.Numbering}},
	{"a body is altered on its way", inStore(bodyAltered), []history.Rule{history.Altered}},
	{"a delivery goes to another endpoint", inStore(endpointMixedUp), []history.Rule{history.Altered}},
	{"counts drift", inStore(countsDrift), []history.Rule{history.Statistics}},
	{"it is settled before the response", onTheWay(answerEarly), []history.Rule{history.Untrue}},
	{"it is settled and was never sent", onTheWay(answerUnsent), []history.Rule{history.Untrue, history.Lost}},
	{"it is sent twice by one attempt", onTheWay(sendTwice), []history.Rule{history.Duplicate}},
	{"a delivery is claimed and forgotten", inEngine(claimForgotten), []history.Rule{history.Dropped}},
	{"an outcome is not handed in", inEngine(settleWithheld), []history.Rule{history.Dropped}},
	{"a delivery is given back though it was answered", inEngine(releaseAnswered), []history.Rule{history.Dropped}},
	{"an attempt that was cut off costs a try", inEngine(cutOffCosts), []history.Rule{history.Budget}},
	{"the lease is shorter than an attempt", inEngine(leaseHalved), []history.Rule{history.Lease}},
	{"a suspect is sent like others", inEngine(suspectsUnknown), []history.Rule{history.Suspect}},
	{"suspects are tried together", inEngine(suspectsTogether), []history.Rule{history.Suspect}},
	{"a retry comes as soon as the first", inEngine(delayOfFirst), []history.Rule{history.Schedule}},
	{"it is sent after the lease has run out", inHistory(claimedLate), []history.Rule{history.Lease}},
	{"an outcome is forgotten in an outage", inHistory(forgetOutcome), []history.Rule{history.Duplicate}},
	{"a request is not in any process's log", inHistory(unknownRequest), []history.Rule{history.Untrue}},
	{"a store is hammered while it is away", inHistory(hammer), []history.Rule{history.Hammering}},
	{"the recovery takes a minute", inHistory(lateEnd), []history.Rule{history.Late}},
	{"a delivery fails with tries left", inHistory(failedEarly), []history.Rule{history.Lost}},
	{"an event appears from nowhere", inHistory(strayEvent), []history.Rule{history.Unasked}},
}

func inStore(f func(store.Store) store.Store) fault              { return fault{store: f} }
func inEngine(f func(store.Store) store.Store) fault             { return fault{engine: f} }
func onTheWay(f func(http.RoundTripper) http.RoundTripper) fault { return fault{transport: f} }
func inHistory(f func(*history.History)) fault                   { return fault{mutate: f} }

func TestFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var broken []history.Rule
			for seed := range uint64(30) {
				r := playLab(t, seed, f.fault)
				broken = r.Broken()
				if slices.ContainsFunc(f.rules, func(rule history.Rule) bool { return slices.Contains(broken, rule) }) {
					t.Logf("seed %d: %d violations of %v", seed, len(r.Violations), broken)
					return
				}
			}
			t.Errorf("not found: broken are %v, want one of %v", broken, f.rules)
		})
	}
}
