package main

import (
	"context"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/store"
)

// redisConns is the size of the pool.
const redisConns = 32

// openRedisStore opens the store of a Redis or of a cluster, by its DSN.
func openRedisStore(_ context.Context, s setup) (store.Store, func() error, error) {
	client, err := openRedis(s.DSN, redisConns)
	if err != nil {
		return nil, nil, err
	}
	st, err := redisstore.New(client)
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return st, client.Close, nil
}
