package gormstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

// TestNoRoomToPrepare fills the server with prepared statements.
func TestNoRoomToPrepare(t *testing.T) {
	for _, d := range databases() {
		if !d.is("mysql") && !d.is("mariadb") {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			var log safeBuffer
			s := h.store(t, db, gormstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			works(t, s, "before")
			var name string
			var most, prepared int
			if err := db.Raw("SHOW VARIABLES LIKE 'max_prepared_stmt_count'").Row().Scan(&name, &most); err != nil {
				t.Fatal(err)
			}
			if err := db.Raw("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Row().Scan(&name, &prepared); err != nil {
				t.Fatal(err)
			}
			set := func(n int) {
				if err := db.WithContext(context.Background()).Exec(fmt.Sprint("SET GLOBAL max_prepared_stmt_count = ", n)).Error; err != nil {
					t.Fatal(err)
				}
			}
			set(prepared)
			defer set(most)
			if _, err := s.Endpoints(t.Context(), store.EndpointQuery{Limit: 1}); err != nil { // it was not prepared yet
				t.Errorf("where there is no room: %v", err)
			}
			works(t, s, "after")
			var sum int
			if err := db.Raw("SELECT ? + 1", 1).Row().Scan(&sum); err != nil {
				t.Errorf("the host's own statement: %v", err)
			}
			if n := strings.Count(log.String(), "max_prepared_stmt_count"); n != 1 {
				t.Errorf("the log tells %d times: %s", n, log.String())
			}
		})
	}
}
