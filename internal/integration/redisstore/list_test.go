package redisstore_test

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// afterList calls do once, when a list was read.
type afterList struct {
	do   func()
	done atomic.Bool
}

func (h *afterList) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *afterList) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *afterList) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "zrevrangebyscore" && h.done.CompareAndSwap(false, true) {
			h.do()
		}
		return err
	}
}

// TestListWhileRecreated lists endpoints while one of them is erased and its id used
// again, by another tenant: the list shows neither.
func TestListWhileRecreated(t *testing.T) {
	client, other := standalone(t, servers.SharedRedis(t, "7.0").Addr()), standalone(t, servers.SharedRedis(t, "7.0").Addr())
	prefix := redisstore.WithPrefix("list" + rand.Text())
	s, same := open(t, client, prefix), open(t, other, prefix)
	create := func(s *redisstore.Store, tenant, id string) {
		t.Helper()
		if _, err := s.CreateEndpoint(t.Context(), store.Endpoint{ID: id, Tenant: tenant, Status: store.EndpointActive}); err != nil {
			t.Fatal(err)
		}
	}
	create(s, "a", "first")
	create(s, "a", "second")
	client.AddHook(&afterList{do: func() {
		if _, err := same.EraseTenant(t.Context(), "a", 1); err != nil {
			t.Error(err)
		}
		create(same, "b", "first")
		create(same, "a", "second")
	}})
	page, err := s.Endpoints(t.Context(), store.EndpointQuery{Scope: store.Scope{Tenant: "a"}, Limit: 10})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("listed %d endpoints, %v, want none of those that are gone: %+v", len(page.Items), err, page.Items)
	}
	page, err = s.Endpoints(t.Context(), store.EndpointQuery{Scope: store.Scope{Tenant: "a"}, Limit: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != "second" {
		t.Errorf("listed %+v, %v, want the second one", page.Items, err)
	}
}
