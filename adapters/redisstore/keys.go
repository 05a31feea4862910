package redisstore

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// keys are the names of everything in one shard. They share a hash tag, so that
// Redis Cluster keeps them in one slot, and a script can touch them together.
type keys struct {
	tag string // "{prefix:NN}"

	// See the scripts for what each of them holds.
	meta, ids, heads, bodies, open, rows, order, ended, bare string
	lanes, tenants, counts, aborted, timed, attempts         string
	held, leases                                             string
	// Endpoints are in the first shard alone.
	endpoints, versions, list, tombs string
}

func newKeys(prefix string, shard int) *keys {
	tag := fmt.Sprintf("{%s:%02d}", prefix, shard)
	return &keys{
		tag:  tag,
		meta: tag + "meta", ids: tag + "ids", heads: tag + "heads", bodies: tag + "bodies", open: tag + "open",
		rows: tag + "rows", order: tag + "order", ended: tag + "ended", bare: tag + "bare",
		lanes: tag + "lanes", tenants: tag + "tenants", counts: tag + "counts", aborted: tag + "aborted",
		timed: tag + "timed", attempts: tag + "attempts", held: tag + "held", leases: tag + "leases",
		endpoints: tag + "endpoints", versions: tag + "versions", list: tag + "list", tombs: tag + "tombs",
	}
}

// tenantOrder holds the events of a tenant, in the order of creation.
func (k *keys) tenantOrder(tenant string) string { return k.tag + "order:" + tenant }

// fresh holds the deliveries of a lane that were never touched since their
// insert and are visible; history all of them.
func (k *keys) fresh(lane string) string   { return k.tag + "fresh:" + lane }
func (k *keys) history(lane string) string { return k.tag + "history:" + lane }

// compacted is what a list is going to be after a compaction. Neither a tenant nor
// a lane has a NUL, so it is no other list.
func compacted(list string) string { return list + "\x00compacted" }

func (k *keys) tenantList(tenant string) string  { return k.tag + "list:" + tenant }
func (k *keys) tenantTombs(tenant string) string { return k.tag + "tombs:" + tenant }

// pattern holds the endpoints of a tenant that subscribe with a pattern. A
// pattern has no NUL, so the first one separates.
func (k *keys) pattern(tenant, pattern string) string {
	return k.tag + "pattern:" + pattern + "\x00" + tenant
}

// The key of an event in the hash ids, and that of a count.
func idKey(tenant, id string) string      { return tenant + "\x00" + id }
func countKey(lane, tenant string) string { return lane + "\x00" + tenant }

// splitID reads what idKey made: an id has no NUL.
func splitID(key string) (tenant, id string) {
	at := strings.LastIndexByte(key, 0)
	return key[:at], key[at+1:]
}

// home is the shard in which the id of an event is looked up.
func (s *Store) home(tenant, id string) int {
	if len(s.shards) == 1 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(idKey(tenant, id))) // never fails
	sum := h.Sum64()
	return int((sum ^ sum>>32) % uint64(len(s.shards))) // #nosec G115 -- below the number of shards
}
