package redisstore_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
)

// A host opens the store with its own client and hands it to dispatcher.New. Here
// nobody listens at the address, so it cannot be opened.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	_, err := redisstore.New(client,
		redisstore.WithPrefix("shop"),
		redisstore.WithWait(1), redisstore.WithWaitTimeout(500*time.Millisecond))
	switch {
	case errors.Is(err, redisstore.ErrUnsafe):
		fmt.Println("this Redis may lose events:", err)
	case err != nil:
		fmt.Println("no Redis there")
	}
	// Output: no Redis there
}

// The number of shards is part of a store; what cannot be one is refused at once.
func ExampleWithShards() {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	defer client.Close()
	_, err := redisstore.New(client, redisstore.WithShards(5000))
	fmt.Println(err)
	// Output: redisstore: the number of shards must be 1 to 1024, it is 5000
}
