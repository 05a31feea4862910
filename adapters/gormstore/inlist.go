package gormstore

import (
	"context"
	"math/bits"
	"slices"
	"strings"
)

// maxList bounds the values of one IN list.
const maxList = 512

// inLists calls do for parts of the values, with an IN list and its parameters.
// A list is filled up to a power of two with its last value, so that there are
// few texts of statements.
func inLists[T any](values []T, do func(list string, args []any) error) error {
	return inShortLists(maxList, values, do)
}

// inShortLists is inLists with lists of at most so many values.
func inShortLists[T any](most int, values []T, do func(list string, args []any) error) error {
	for len(values) > 0 {
		n := min(len(values), most)
		size := 1 << bits.Len(uint(n-1)) // #nosec G115 -- above 0
		args := make([]any, size)
		for i := range args {
			args[i] = values[min(i, n-1)]
		}
		if err := do(list(size), args); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// deleteRows deletes rows by their numbers.
func (s *Store) deleteRows(ctx context.Context, c conn, table, column string, numbers []int64) error {
	text := "DELETE FROM {" + table + "} WHERE " + column + " IN ("
	if s.dialect == mysql || s.dialect == mariadb {
		// With few rows in the table they would scan it, and wait for what others
		// have locked. An alias would not be found on a connection without a
		// database of its own.
		text = "DELETE {" + table + "} FROM {" + table + "} FORCE INDEX (PRIMARY) WHERE " + column + " IN ("
	}
	return inLists(numbers, func(list string, args []any) error {
		_, err := c.exec(ctx, text+list+")", args...)
		return err
	})
}

// insertSizes are the numbers of rows that one statement inserts, so that there
// are few texts of statements.
var insertSizes = []int{64, 8, 1}

// insertMany calls do for parts of the rows, with their VALUES.
func insertMany[T any](rows []T, columns int, do func(part []T, values string) error) error {
	row := "(" + list(columns) + ")"
	for len(rows) > 0 {
		n := insertSizes[slices.IndexFunc(insertSizes, func(n int) bool { return n <= len(rows) })]
		if err := do(rows[:n], strings.TrimSuffix(strings.Repeat(row+",", n), ",")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
