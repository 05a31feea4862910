package gormstore

import (
	"context"
	"database/sql"
)

// numbers runs a statement that returns numbers.
func (c conn) numbers(ctx context.Context, text string, args ...any) (numbers []int64, err error) {
	err = c.query(ctx, text, args, func(rows *sql.Rows) error {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		numbers = append(numbers, n)
		return nil
	})
	return numbers, err
}

// texts runs a statement that returns texts.
func (c conn) texts(ctx context.Context, text string, args ...any) (texts []string, err error) {
	err = c.query(ctx, text, args, func(rows *sql.Rows) error {
		var t string
		err := rows.Scan(&t)
		texts = append(texts, t)
		return err
	})
	return texts, err
}
