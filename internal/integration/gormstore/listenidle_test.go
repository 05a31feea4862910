package gormstore_test

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/driver/postgres"

	"github.com/postrider/postrider/internal/integration/servers"
)

// TestListenOutlivesIdleness listens for longer than the server lets a session idle.
func TestListenOutlivesIdleness(t *testing.T) {
	h := newHost(t, database{name: "postgres", shared: true, fresh: fixed(postgres.Open(with(servers.SharedPostgres(t, "17").DSN, "idle_session_timeout=500")))})
	s := h.store(t, h.open(t, 8))
	other := h.bare(t, h.open(t, 8))
	e := listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("before", i), "l")) })
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		e.wakes(t, time.Until(deadline)) // fails when Listen ends
	}
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("after", i), "l")) })
}
