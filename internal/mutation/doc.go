// Package mutation proves the conformance suite of package storetest: its test
// seeds faults into the memory store, one at a time, and requires the suite to
// fail for each of them.
//
// A fault is an edit of the store's source, handed to the compiler as an
// overlay; no file changes. What is edited must stand in the source exactly
// once, so when the store is rewritten the rows have to follow.
package mutation
