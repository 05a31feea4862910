package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/dispatcher"
)

// setup is what processes on one store have to agree on.
type setup struct {
	url    string
	prefix string
	// key seals the endpoints' secrets. In production it comes from a secret
	// manager, to each process by itself.
	key []byte
}

// newSetup chooses a prefix of its own, so that nothing else in that Redis is
// touched.
func newSetup(url string) setup {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return setup{url: url, prefix: "postrider-example-" + rand.Text(), key: key}
}

func (s setup) environment() []string {
	return []string{"REDIS_URL=" + s.url, "WEBHOOK_PREFIX=" + s.prefix, "WEBHOOK_KEY=" + base64.StdEncoding.EncodeToString(s.key)}
}

func setupFromEnvironment() (setup, error) {
	key, err := base64.StdEncoding.DecodeString(os.Getenv("WEBHOOK_KEY"))
	return setup{url: os.Getenv("REDIS_URL"), prefix: os.Getenv("WEBHOOK_PREFIX"), key: key}, err
}

// open connects, and makes a dispatcher with the options that all processes have
// in common, and those given.
func (s setup) open(more ...dispatcher.Option) (*dispatcher.Engine, *redis.Client, error) {
	options, err := redis.ParseURL(s.url)
	if err != nil {
		return nil, nil, err
	}
	keyring, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k1", Bytes: s.key})
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(options)
	store, err := redisstore.New(client, redisstore.WithPrefix(s.prefix))
	if err != nil {
		_ = client.Close()
		return nil, nil, fmt.Errorf("the store: %w", err)
	}
	hooks, err := dispatcher.New(store, append([]dispatcher.Option{
		dispatcher.WithKeyring(keyring),
		dispatcher.WithAttemptTimeout(5 * time.Second),
		// For the receiver on this machine.
		dispatcher.WithPlainHTTP(),
		dispatcher.WithPrivateAddresses(),
	}, more...)...)
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return hooks, client, nil
}

// erase removes all keys of the store: an example leaves nothing behind.
func (s setup) erase(ctx context.Context, client *redis.Client) error {
	keys := client.Scan(ctx, 0, "{"+s.prefix+":*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(a URL that cannot be parsed)"
	}
	return u.Redacted()
}
