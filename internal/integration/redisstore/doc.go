// Package redisstore tests adapters/redisstore on real servers: Redis and Valkey,
// alone, as a cluster and behind Sentinel. It holds the conformance suite, faults
// of the server and of the network, and what the store costs.
package redisstore
