package storetest_test

import (
	"fmt"
	"testing"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store/storetest"
)

// What a test of the suite stands for.
func ExampleRules() {
	for _, rule := range storetest.Rules("Settle/Reason") {
		fmt.Println(rule)
	}
	// Output:
	// Code: The dispatcher defines them; stores keep them as they are.
	// Delivery.Reason: Reason says why the delivery is in its state, or why its last attempt failed.
	// Queue.Settle: An empty Reason leaves the stored one.
}

// The body of a store's TestConformance. A store that cannot hold a rule adds
// storetest.Exception("Tx/BlocksNobody", "the database has one writer").
func ExampleRun() {
	_ = func(t *testing.T) {
		storetest.Run(t, func(tb testing.TB) storetest.Target {
			return storetest.Target{Store: memstore.New()}
		})
	}
}
