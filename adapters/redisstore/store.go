package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/store"
)

// Store is a [store.Store] in Redis. Make it with [New].
//
// The methods are those of the interfaces in package store, whose comments
// state what each one owes. Bad arguments, such as a Limit below 1, are refused
// with an error that names them, and nothing is written.
type Store struct {
	client redis.UniversalClient
	config config
	info   store.Info
	shards []*keys
	// self tells the notices of this handle from those of others.
	self string

	endpoints endpointCache
	notices   notices
	repair    repair
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Notifier = (*Store)(nil)
)

// format numbers the layout of the records. Two that differ do not work on one
// store.
const format = 2

// New opens the store that a client leads to, or founds it. It checks that Redis
// is one that keeps what it acknowledges, see [WithBestEffort], and starts
// nothing that would have to be stopped. If the servers do not answer within 30
// s, it gives up. The client stays the caller's: it is never closed. It must
// write to masters, so a [redis.Ring] is refused.
func New(client redis.UniversalClient, options ...Option) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: the client must not be nil")
	}
	if _, ring := client.(*redis.Ring); ring {
		return nil, errors.New("redisstore: a redis.Ring spreads keys by itself; use a redis.Client or a redis.ClusterClient")
	}
	c := config{prefix: defaultPrefix, patience: defaultWait}
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	if err := c.check(client); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if err := checkServers(ctx, client, &c); err != nil {
		return nil, err
	}
	s := &Store{client: client, config: c, self: rand.Text()}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	s.repair.init(len(s.shards))
	return s, nil
}

// open reads what the store is, or founds it.
func (s *Store) open(ctx context.Context) error {
	first := newKeys(s.config.prefix, 0)
	s.shards = []*keys{first}
	shards := s.config.shards
	if shards == 0 {
		shards = 1
		if _, cluster := s.client.(*redis.ClusterClient); cluster {
			shards = defaultClusterShards
		}
	}
	reply, err := s.do(ctx, request{openScript, []string{first.tag + "about"}, []any{format, shards, strings.ToLower(rand.Text())}})
	if err != nil {
		return err
	}
	about := asList(reply)
	if f := asText(at(about, 0)); f != strconv.Itoa(format) {
		return fmt.Errorf("%w: the store has format %s, this library knows %d", ErrVersion, f, format)
	}
	have, err := strconv.Atoi(asText(at(about, 1)))
	if err != nil || have < 1 || have > maxShards {
		return errCorrupt
	}
	if s.config.shards != 0 && have != s.config.shards {
		return fmt.Errorf("%w: the store has %d, not %d", ErrShards, have, s.config.shards)
	}
	for i := 1; i < have; i++ {
		s.shards = append(s.shards, newKeys(s.config.prefix, i))
	}
	s.info = store.Info{Name: "redis", ID: "redis-" + asText(at(about, 2)), Durable: true, Shared: true}
	return nil
}

// Info implements [store.Store]: a store named "redis", durable and shared.
func (s *Store) Info() store.Info { return s.info }

// notices limits how often this handle tells others of its inserts.
type notices struct {
	mu      sync.Mutex
	last    time.Time
	pending bool
	// lanes are those of the notice that was put off.
	lanes []string
}
