package memstore

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Events of one hash are told apart, in whatever order they come and go.
func TestEventsOfOneHash(t *testing.T) {
	const hash, n = 42, 5
	kinds := []*kind{{tenant: &tenant{name: "a"}}, {tenant: &tenant{name: "b"}}}
	for seed := range uint64(50) {
		var table eventTable
		table.init()
		var there [n + 1]bool
		for number := uint64(1); number <= n; number++ {
			e := table.take(number)
			// The same id in two tenants, among others.
			e.kind, e.head = kinds[number%2], fmt.Sprint("id", number/2)
			e.idLen = uint8(len(e.head))
			table.link(hash, number, e)
			there[number] = true
		}
		for _, i := range append([]int{-1}, rand.New(rand.NewPCG(seed, 0)).Perm(n)...) {
			if i >= 0 {
				gone := uint64(i + 1)
				table.unlink(hash, gone, table.at(gone))
				there[gone] = false
			}
			for number := uint64(1); number <= n; number++ {
				e := table.at(number)
				got, found := table.find(hash, e.kind.tenant.name, e.id())
				if there[number] && (got != number || found != e) || !there[number] && found != nil {
					t.Fatalf("event %d is found as %d, is there: %v", number, got, there[number])
				}
			}
		}
		if len(table.index) != 0 {
			t.Errorf("the index keeps %v after all events went", table.index)
		}
	}
}
