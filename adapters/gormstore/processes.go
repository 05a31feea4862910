package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

var _ store.Announcer = (*Store)(nil)

// Announce implements [store.Announcer].
func (s *Store) Announce(ctx context.Context, a store.Announcement, life time.Duration) (others []store.Announcement, err error) {
	if a.Process == "" || len(a.Process) > maxID {
		return nil, fmt.Errorf("gormstore: process %q: must be 1 to %d bytes", a.Process, maxID)
	}
	options, err := json.Marshal(a.Options)
	if err != nil {
		return nil, failed("announcing", err)
	}
	err = s.write(ctx, "announcing", idempotent, func(ctx context.Context, c conn) error {
		others = nil
		now, err := c.now(ctx)
		if err != nil {
			return err
		}
		var gone []string
		if life <= 0 {
			gone = append(gone, a.Process)
		}
		err = c.query(ctx, "SELECT id, fingerprint, expires_at FROM {processes} ORDER BY id", nil, func(rows *sql.Rows) error {
			var o store.Announcement
			var options []byte
			var expires int64
			if err := rows.Scan(&o.Process, &options, &expires); err != nil {
				return err
			}
			if o.Process == a.Process {
				return nil
			}
			if expires <= now {
				gone = append(gone, o.Process)
				return nil
			}
			if err := json.Unmarshal(options, &o.Options); err != nil {
				return fmt.Errorf("the fingerprint of process %s: %w", o.Process, err)
			}
			others = append(others, o)
			return nil
		})
		if err != nil {
			return err
		}
		// They are deleted by their keys: anything else waits for rows that another
		// process is about to replace, and MySQL's sql_safe_updates refuses it.
		err = inLists(gone, func(list string, args []any) error {
			_, err := c.exec(ctx, "DELETE FROM {processes} WHERE id IN ("+list+") AND (id = ? OR expires_at <= ?)", append(args, a.Process, now)...)
			return err
		})
		if err != nil || life <= 0 {
			return err
		}
		// Another call may announce the same process meanwhile.
		_, err = c.exec(ctx, "INSERT INTO {processes} (id, fingerprint, seen_at, expires_at) VALUES (?, ?, ?, ?) "+s.dialect.replaceProcess(),
			a.Process, string(options), now, now+life.Microseconds())
		return err
	})
	if err != nil {
		return nil, err
	}
	return others, nil
}

// replaceProcess ends an insert of a process that may be there.
func (d dialect) replaceProcess() string {
	if d == mysql || d == mariadb {
		return "ON DUPLICATE KEY UPDATE fingerprint = VALUES(fingerprint), seen_at = VALUES(seen_at), expires_at = VALUES(expires_at)"
	}
	return "ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, seen_at = excluded.seen_at, expires_at = excluded.expires_at"
}
