// Package redisstore keeps endpoints, events, deliveries and attempts in Redis or
// Valkey: one server, one behind Sentinel, or a cluster. It is a [store.Store]:
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	s, err := redisstore.New(client)
//	hooks, err := dispatcher.New(s, dispatcher.WithKeyring(…), …)
//
// The client is the host's, of any kind but [redis.Ring], and is never closed. A
// process that only publishes and one that delivers share the same Redis; notices
// by publish and subscribe wake the others.
//
// # Versions
//
// Redis 6.2 or later, or Valkey 7.2 or later. Tested with Redis 7.0 and 8.0 and
// Valkey 8.1. The user needs INFO, EVAL, EVALSHA, PUBLISH and SUBSCRIBE (the
// channel is the prefix and ":inserted"), and the commands that the scripts use on
// keys that begin with "{prefix:"; CONFIG is not used, so managed services do.
//
// # What an acknowledgement means
//
// When Insert returns nil, the events and their deliveries are in the memory of
// the master, all of them or none. What can still lose them depends on how Redis
// persists and replicates, and [New] refuses what loses by design, unless it is
// told [WithBestEffort]:
//
//	appendfsync always     nothing, as long as the disk lives
//	appendfsync everysec   the last second or two, if the machine or the power
//	                       fails; nothing, if only the Redis process does
//	appendfsync no         what the system has not written yet, often 30 s, if the
//	                       machine fails; nothing, if only the process does
//	appendonly no          refused: all since the last snapshot
//	eviction of keys       refused: anything, at any time
//	failover               what the new master had not received: replication is
//	                       asynchronous. With [WithWait] an acknowledged event is in
//	                       the memory of that many replicas; a failover to one of
//	                       these keeps it. Redis gives no stronger guarantee: a
//	                       replica that lags can be elected if the others are gone.
//
// In ten failovers of a busy cluster on one machine nothing that was acknowledged
// was lost, neither of 6,400 deliveries with WithWait(1) nor of some 6,000 without
// it (internal/integration/crash). That is no promise: without it, what is lost is
// what the replicas lag behind, which on one machine is next to nothing.
//
// What a failover or a restart takes back is taken back whole: a script is one
// entry of the log. Deliveries whose outcome is taken back are sent again.
//
// # Full memory
//
// With maxmemory and noeviction, a Redis that is full refuses Insert, which then
// returns [store.ErrFull], and so does what creates or changes endpoints. Claim,
// Settle, Cancel, Requeue, Purge and the deletion of endpoints go on, for their
// scripts begin with a write that needs no memory; so leave room above maxmemory
// for the attempts of what is pending, about 500 bytes each.
//
// # Memory
//
// A payload is kept once for each event, whatever the number of its deliveries.
// With ids of usual length and an attempt with five request headers, two response
// headers and a short body, Redis 7 on 64 bits uses about, beside the payload
// itself:
//
//	an event                                      700 bytes
//	a pending delivery, not tried yet             130 bytes
//	a delivered delivery, with its one attempt    550 bytes
//
// A test holds these figures. What has ended goes with [Store.Purge], which the
// dispatcher calls by its retention, in bounded steps; no key has a time to live,
// because nothing may vanish by itself while something depends on it. Lists that
// lead to what was purged are shortened and compacted along with it, so no key
// grows without end.
//
// # Shards
//
// A store is cut into shards, each under one hash tag, "{prefix:NN}", and so in
// one hash slot; see [WithShards]. An event and all that belongs to it are in one
// shard. Where an event goes is decided by its tenant and id, except that the new
// events of one Insert all go to one shard, so that a batch is stored by one
// script, all or nothing; ids that are at home elsewhere point to it. Endpoints
// are in the first shard. A claim looks at all shards and takes the earliest
// deliveries of all. If a master is down, the others' deliveries go on, those of
// the first shard excepted, which has the endpoints: then all wait for its
// failover.
//
// Settle, Cancel and Requeue are one script in each shard concerned. An error of
// one shard is the error of the call, and what was written in others stays, as
// after a lost answer: all of these calls are made to be repeated.
//
// docs/redis.md tells administrators what is in the keys, and how far a cluster
// goes.
//
// The number of shards cannot be changed in place. To get another one, open a
// second store under another prefix, publish to that, let the dispatcher of the
// first run until nothing is pending, and drop the keys of the first.
//
// A shard's records are in a few large hashes. To move a slot, a cluster copies
// key by key and holds up the node meanwhile, so choose enough shards for each to
// stay small: some hundred megabytes move in a second or two. While a slot moves,
// scripts on it wait; they are repeated for up to two seconds.
//
// # Time
//
// All times are those of Redis, read in the scripts; a shard's clock never goes
// backwards. In a cluster each master has its own clock: keep them in step by NTP,
// as leases are told by one node and judged by another. Times are whole
// microseconds; times to compare end in the year 2255, and a later
// [store.Event].At counts as that.
//
// # Repair
//
// Queues are indexes that scripts keep in line with the rows. If keys are removed
// from outside, a bounded scan, a step of which each sweep of the dispatcher takes,
// finds lanes with fewer entries than pending deliveries and puts them back.
package redisstore
