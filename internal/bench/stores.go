package main

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
)

// openers open the store of each contender that is this library, in the
// database of the run. The returned function frees what the host of the store
// would, such as its connection pool.
var openers = map[string]func(context.Context, setup) (store.Store, func() error, error){
	memoryName:       openMemory,
	sqliteName:       openSQLite("NORMAL"),
	sqliteFullName:   openSQLite("FULL"),
	postgresName:     openPostgres,
	mysqlName:        openMySQL,
	mariadbName:      openMySQL,
	redisName:        openRedisStore,
	redisClusterName: openRedisStore,
}

// openStore opens the store of that name, ready to be used.
func openStore(ctx context.Context, name string, s setup) (store.Store, func() error, error) {
	open, ok := openers[name]
	if !ok {
		return nil, nil, fmt.Errorf("no store for %q", name)
	}
	st, free, err := open(ctx, s)
	if err != nil {
		return nil, nil, fmt.Errorf("open store: %w", err)
	}
	return st, free, nil
}

// deliveryBytes is room enough for a delivery and its attempt in memory, without
// the payload.
const deliveryBytes = 4 << 10

// openMemory makes a store with room for the run.
func openMemory(_ context.Context, s setup) (store.Store, func() error, error) {
	st := memstore.New(
		memstore.WithMaxDeliveries(s.Capacity),
		memstore.WithMaxBytes(64<<20+int64(s.Capacity)*int64(deliveryBytes+2*len(s.Payload))),
	)
	return st, func() error { return nil }, nil
}
