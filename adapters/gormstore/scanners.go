package gormstore

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// number reads a column, NULL as 0, without reflection: it is what most of a
// claim's time would go into.
type number int64

// Scan implements [sql.Scanner].
func (n *number) Scan(value any) error {
	switch v := value.(type) {
	case int64:
		*n = number(v)
	case nil:
		*n = 0
	default:
		var i sql.NullInt64
		if err := i.Scan(value); err != nil {
			return err
		}
		*n = number(i.Int64)
	}
	return nil
}

// nullNumber reads a column as [sql.NullInt64] does, without reflection.
type nullNumber sql.NullInt64

// Scan implements [sql.Scanner].
func (n *nullNumber) Scan(value any) error {
	switch v := value.(type) {
	case int64:
		*n = nullNumber{Int64: v, Valid: true}
		return nil
	case nil:
		*n = nullNumber{}
		return nil
	}
	return (*sql.NullInt64)(n).Scan(value)
}

// pastColumns are what seldom tells anything of a delivery d, as one text: for
// each column of an answer there is work in the database and in the driver. A
// delivery that was never claimed, requeued nor cancelled, whose token is 0, has
// none.
const pastColumns = `d.hold || ' ' || d.token || ' ' || d.attempts || ' ' || d.tries || ' ' || d.expiries || ' ' || d.interrupted || ' ' ||
	d.last_status || ' ' || COALESCE(d.delivered_at, 0) || ' ' || d.reason`

// past reads pastColumns.
type past takenRow

// Scan implements [sql.Scanner].
func (p *past) Scan(value any) error {
	var text string
	switch v := value.(type) {
	case nil:
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("the past of a delivery is a %T", value)
	}
	return p.parse(text)
}

// parse reads the text; "" is that of a delivery that has no past.
func (p *past) parse(text string) error {
	for _, n := range [...]*number{&p.hold, &p.token, &p.attempts, &p.tries, &p.expiries, &p.interrupted, &p.status, &p.delivered} {
		digits, rest, _ := strings.Cut(text, " ")
		*n, text = 0, rest
		if digits == "" {
			continue
		}
		i, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return err
		}
		*n = number(i)
	}
	p.reason = text
	return nil
}
