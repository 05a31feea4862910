// Package storetest is the conformance suite for implementations of
// [store.Store]. Whoever writes a store runs it in a test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB) storetest.Target {
//			db := openEmptyDatabase(tb) // closed through tb.Cleanup
//			return storetest.Target{
//				Store:  mystore.New(db),
//				Reopen: func() (store.Store, error) { return mystore.New(db), nil },
//			}
//		})
//	}
//
// # What it proves
//
// Each test proves sentences of the contract, which are the doc comments of
// package store. A table in this package holds every one of these sentences
// with the tests that prove it, or with the reason why none can; a failing test
// prints the sentences it stands for. [Rules] and [Tests] read the table. The
// comments and the table cannot drift apart: a test of this package compares
// them word by word.
//
// Beside the tests of single sentences there are a random walk that compares a
// store with a plain model of the contract (Model/…, seeded, the seed is
// printed) and histories of many concurrent callers that are checked afterwards
// (Concurrent/…). They catch what no single test was written for.
//
// # Time
//
// The suite reads the store's own clock from [store.DueLanes].Now and
// [store.Batch].Now. Where it must let time pass it calls [Target].Advance, or
// waits for the real clock with short leases if there is none.
//
// # Exceptions
//
// A store that cannot hold a rule says so with [Exception], which names the test
// and the reason. The test still runs: an exception whose test passes is out of
// date and fails the suite.
package storetest
