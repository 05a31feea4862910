package storetest

import (
	"slices"
	"strings"
)

// The contract is the doc comments of package store, sentence by sentence.
var contract = slices.Concat(packageSections, recordSections, queueSections, inspectSections)

// section holds the rules of one identifier of package store: "store" for the
// package, "const X" and "var X" for the group that X begins.
type section struct {
	of    string
	rules []rule
}

// rule is a sentence, as it stands, with the tests that prove it. Where there
// are none it says why.
type rule struct {
	sentence string
	tests    []string
	why      string
}

// Why a sentence has no test.
const (
	definition          = "a definition: there is nothing to prove"
	callersDuty         = "a duty or a range of the caller: the store may rely on it"
	dispatchersDuty     = "about the dispatcher"
	packagesOwn         = "about package store itself, not about an implementation"
	forHosts            = "about hosts"
	cost                = "about cost, which no test of behaviour sees"
	refusedByDispatcher = "the dispatcher refuses it, by Tx.StoreID"
	licence             = "a licence, not a duty"
)

// proved makes a rule with its tests, separated by spaces.
func proved(tests, sentence string) rule {
	return rule{sentence: sentence, tests: strings.Fields(tests)}
}

// stated makes a rule without a test.
func stated(why, sentence string) rule { return rule{sentence: sentence, why: why} }

// Rules returns the sentences of the contract that the named test proves, each
// after the identifier of package store in whose comment it stands. It returns
// nil if there is no such test.
func Rules(test string) []string {
	var rules []string
	for _, s := range contract {
		for _, r := range s.rules {
			if slices.Contains(r.tests, test) {
				rules = append(rules, s.of+": "+r.sentence)
			}
		}
	}
	return rules
}
