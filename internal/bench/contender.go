package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// contender is a way to get webhooks delivered. A child makes one, uses it for
// one run and ends.
type contender interface {
	// setup connects to the sink and registers the endpoints. It returns the
	// keys that sign for each of them.
	setup(ctx context.Context, s setup) (keys [][]byte, err error)
	// fill makes n deliveries wait, without sending any. What fanOut deliveries
	// share is one event.
	fill(ctx context.Context, n, fanOut int) error
	// drain starts to send and returns when n deliveries have been settled. It
	// is an error if one of them failed.
	drain(ctx context.Context, n int) error
	// publish sends n deliveries while their events are being published, one
	// event per call, and returns when all have been settled.
	publish(ctx context.Context, n, fanOut int) error
	// open starts to send what send is given.
	open(ctx context.Context) error
	// send publishes one event with the given id to one endpoint and returns
	// the wall clock from just before.
	send(ctx context.Context, id string, endpoint int) (at time.Time, err error)
	// close ends the sending and frees what setup took.
	close(ctx context.Context) error
}

// setup says what to set up.
type setup struct {
	// Sink is the sink's base URL.
	Sink string
	// DSN is the database of the run, empty at its beginning; "" where the
	// contender needs none.
	DSN       string
	Endpoints int
	Payload   []byte
	// InFlight is how many requests are under way at once; 0 leaves it to the
	// contender's defaults. Rivals have a number of their own, their best.
	InFlight int
	// ToEndpoint is how many of them may go to one endpoint; 0 leaves it to the
	// contender's default.
	ToEndpoint int
	// AttemptTimeout ends a request; 0 leaves it to the contender's default.
	AttemptTimeout time.Duration
	// Publishers and Outstanding shape publish; see config.
	Publishers, Outstanding int
	// Capacity is how many deliveries the run will make at most, for stores
	// that are bounded.
	Capacity int
	// Rivals holds the settings of the rivals.
	Rivals rivals
}

// entrant is a contender as the command line knows it.
type entrant struct {
	name string
	// server is the kind of server that it works on, "" for none.
	server string
	// share of the configured number of deliveries makes a run of this contender
	// about as long as those of the others.
	share float64
	make  func() contender
}

// queue tells whether deliveries can wait in it.
func (e entrant) queue() bool { return e.name != rawName }

// postrider tells whether it is this library, on whatever store.
func (e entrant) postrider() bool { return strings.HasPrefix(e.name, postriderPrefix) }

// shared tells whether several processes can work on one.
func (e entrant) shared() bool { return e.queue() && e.name != memoryName }

// The contenders. The first is the base of every ratio.
const (
	rawName          = "raw"
	postriderPrefix  = "postrider-"
	memoryName       = postriderPrefix + "memory"
	sqliteName       = postriderPrefix + "sqlite"
	sqliteFullName   = postriderPrefix + "sqlite-full"
	postgresName     = postriderPrefix + "postgres"
	mysqlName        = postriderPrefix + "mysql"
	mariadbName      = postriderPrefix + "mariadb"
	redisName        = postriderPrefix + "redis"
	redisClusterName = postriderPrefix + "redis-cluster"
	riverName        = "river-postgres"
	riverSmallName   = riverName + "-small"
	bareName         = "bare-postgres"
	asynqName        = "asynq"
	asynqServersName = asynqName + "-servers"
)

var entrants = []entrant{
	{rawName, "", 1, func() contender { return &raw{} }},
	{memoryName, "", 1, postriderOn(memoryName)},
	{sqliteName, fileServer, 0.6, postriderOn(sqliteName)},
	{sqliteFullName, fileServer, 0.5, postriderOn(sqliteFullName)},
	{postgresName, postgresServer, 0.5, postriderOn(postgresName)},
	{riverName, postgresServer, 0.125, func() contender { return &queued{queue: &riverQueue{}} }},
	{riverSmallName, postgresServer, 0.125, func() contender { return &queued{queue: &riverQueue{small: true}} }},
	{bareName, postgresServer, 0.5, func() contender { return &queued{queue: &bareQueue{}} }},
	{mysqlName, mysqlServer, 0.2, postriderOn(mysqlName)},
	{mariadbName, mariadbServer, 0.2, postriderOn(mariadbName)},
	{redisName, redisServer, 0.75, postriderOn(redisName)},
	{redisClusterName, redisClusterServer, 0.75, postriderOn(redisClusterName)},
	{asynqName, redisServer, 0.12, func() contender { return &queued{queue: &asynqQueue{}} }},
	{asynqServersName, redisServer, 0.15, func() contender { return &queued{queue: &asynqQueue{several: true}} }},
}

func postriderOn(name string) func() contender {
	return func() contender { return &queued{queue: &postrider{name: name}} }
}

func contenderNames() []string {
	names := make([]string, len(entrants))
	for i, e := range entrants {
		names[i] = e.name
	}
	return names
}

// findEntrant returns the contender of that name.
func findEntrant(name string) (entrant, error) {
	i := slices.IndexFunc(entrants, func(e entrant) bool { return e.name == name })
	if i < 0 {
		return entrant{}, fmt.Errorf("unknown contender %q", name)
	}
	return entrants[i], nil
}

// wideType is the type of events that go to every endpoint.
const wideType = "wide.event"

const narrowPrefix = "narrow.n"

// narrowType is the type of events that go to one endpoint.
func narrowType(endpoint int) string { return narrowPrefix + strconv.Itoa(endpoint) }

// targets are the endpoints to which an event of the type goes, for contenders
// that know no subscriptions.
func targets(eventType string, endpoints int) ([]int, error) {
	if eventType == wideType {
		all := make([]int, endpoints)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(eventType, narrowPrefix))
	if err != nil || n < 0 || n >= endpoints {
		return nil, fmt.Errorf("nobody subscribes to %q", eventType)
	}
	return []int{n}, nil
}
