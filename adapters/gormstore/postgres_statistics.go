package gormstore

import (
	"context"
	"database/sql"
)

// Postgres keeps the plan of a prepared statement until the statistics of a
// table change. One that was made while a table had a few rows reads the whole
// table, and autovacuum looks at it once a minute: in that time, a burst into a
// fresh installation would be read through for every claim. So a process that
// finds a table several times as large as its statistics say has them taken.

// grown are the tables whose size matters to plans, with the columns that do: a
// sample of the others, which are long, would take most of the time.
var grown = []struct{ table, columns string }{
	{"{deliveries}", "(id, event_seq, endpoint_id, state, visible_at, leased_until, apart)"},
	{"{events}", "(seq, tenant, id)"},
	{"{attempts}", "(delivery_id, number)"},
}

// postgresGrown tells whether a table has outgrown its statistics, and this account
// may take them: otherwise the server would write a warning into its log each time.
const postgresGrown = `SELECT pg_relation_size(oid) / 8192 > 4 * greatest(relpages, 10)
	AND CASE WHEN current_setting('server_version_num')::int < 170000 THEN pg_has_role(relowner, 'USAGE') ELSE has_table_privilege(oid, 'MAINTAIN') END
	FROM pg_class WHERE oid = to_regclass(?)`

// refreshStatistics takes the statistics of tables that have outgrown them. What
// goes wrong is left to autovacuum.
func (s *Store) refreshStatistics(ctx context.Context) {
	if s.dialect != postgres {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, compactTime)
	defer cancel()
	_ = s.single(ctx, "taking statistics", once, func(ctx context.Context, c conn) error {
		for _, t := range grown {
			var outgrown sql.NullBool
			if err := c.one(ctx, postgresGrown, []any{s.sql.of(t.table)}, &outgrown); err != nil {
				return err
			}
			if outgrown.Bool {
				if _, err := c.exec(ctx, "ANALYZE (SKIP_LOCKED) "+t.table+" "+t.columns); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
