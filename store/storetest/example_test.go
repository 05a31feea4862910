package storetest_test

import (
	"fmt"
	"strings"

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

// The tests that an [storetest.Exception] can name.
func ExampleTests() {
	for _, test := range storetest.Tests() {
		if strings.HasPrefix(test, "Cancel/") {
			fmt.Println(test)
		}
	}
	// Output:
	// Cancel/Pending
	// Cancel/NotPending
	// Cancel/Aligned
}
