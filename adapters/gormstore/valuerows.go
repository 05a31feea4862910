package gormstore

import (
	"context"
	"math/bits"
	"strings"
)

// maxInsert bounds the bytes of one INSERT: MySQL refuses packets of more than
// 64 MiB by default, MariaDB of more than 16 MiB.
const maxInsert = 4 << 20

// valueRows are rows to be inserted.
type valueRows struct {
	// form is a row in the text of the statement.
	form   string
	values []any
	// sizes are those of the rows, as far as they may be large.
	sizes []int
}

func (r *valueRows) add(size int, values ...any) {
	r.values = append(r.values, values...)
	r.sizes = append(r.sizes, size)
}

// insert inserts the rows, at most so many by one statement. The numbers of rows
// are powers of two, so that there are few texts.
func (r *valueRows) insert(ctx context.Context, c conn, into string, most int) error {
	values, sizes := r.values, r.sizes
	text, rows := "", 0
	for len(sizes) > 0 {
		columns := len(values) / len(sizes)
		n, size := 1, sizes[0]
		for n < min(len(sizes), most) && size+sizes[n] <= maxInsert {
			size += sizes[n]
			n++
		}
		n = 1 << (bits.Len(uint(n)) - 1) // #nosec G115 -- above 0
		if rows != n {
			rows = n
			text = into + strings.TrimSuffix(strings.Repeat("("+r.form+"),", n), ",")
		}
		if _, err := c.exec(ctx, text, values[:n*columns]...); err != nil {
			return err
		}
		values, sizes = values[n*columns:], sizes[n:]
	}
	return nil
}
