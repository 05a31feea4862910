package gormstore

import (
	"slices"
	"strings"
	"testing"
)

// Every value stands in the lists, and there are few different lists.
func TestInLists(t *testing.T) {
	texts := make(map[string]bool)
	for n := range 1100 {
		values := make([]int, n)
		for i := range values {
			values[i] = i
		}
		var got []int
		err := inLists(values, func(list string, args []any) error {
			texts[list] = true
			if strings.Count(list, "?") != len(args) {
				t.Errorf("%d parameters for %s", len(args), list)
			}
			for _, a := range args {
				got = append(got, a.(int))
			}
			return nil
		})
		if err != nil || !slices.Equal(slices.Compact(got), values) {
			t.Fatalf("the lists of %d values hold %v, %v", n, got, err)
		}
	}
	if len(texts) != 10 {
		t.Errorf("%d different lists, want 1 to %d by powers of two", len(texts), maxList)
	}
}

func TestInsertMany(t *testing.T) {
	texts := make(map[string]bool)
	for n := range 200 {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = i
		}
		var got []int
		err := insertMany(rows, 2, func(part []int, values string) error {
			texts[values] = true
			if strings.Count(values, "(?,?)") != len(part) {
				t.Errorf("%q for %d rows", values, len(part))
			}
			got = append(got, part...)
			return nil
		})
		if err != nil || !slices.Equal(got, rows) {
			t.Fatalf("of %d rows, %v were inserted, %v", n, got, err)
		}
	}
	if len(texts) != len(insertSizes) {
		t.Errorf("%d different texts, want %d", len(texts), len(insertSizes))
	}
}
