package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/store"
)

// Due implements [store.Queue]. It refuses a Limit below 1, and a Mark or Cursor
// that this store did not make with [store.ErrInvalidCursor].
//
// Beside looking, it mends: now and then it compares a few lanes' queues with
// their counts, and puts back what is missing.
func (s *Store) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	if p.Limit < 1 {
		return store.DueLanes{}, errors.New("redisstore: due: the Limit must be at least 1")
	}
	d := looking{Store: s, seen: make(map[string]bool)}
	tail, err := d.tail(ctx, p.Mark, p.Limit)
	if err != nil {
		return store.DueLanes{}, err
	}
	if err := d.report(ctx, tail, nil); err != nil {
		return store.DueLanes{}, err
	}
	if p.Sweep {
		if err := d.sweep(ctx, p.Cursor, p.Limit); err != nil {
			return store.DueLanes{}, err
		}
		if err := s.maintain(ctx); err != nil {
			return store.DueLanes{}, err
		}
	}
	d.found.Now = timeOf(d.now)
	return d.found, nil
}

// looking is a Due under way.
type looking struct {
	*Store
	found store.DueLanes
	now   int64
	seen  map[string]bool
}

// A mark says for each shard up to where the caller has looked: a time of
// creation, and how many of the deliveries that were created then.
type mark struct{ created, index int64 }

const markLen = numberLen + 2

func (s *Store) marks() query { return s.query('m', len(s.shards)) }

func (s *Store) decodeMarks(text string) ([]mark, error) {
	raw, err := s.marks().open(text)
	if err != nil {
		return nil, err
	}
	if len(raw) != markLen*len(s.shards) {
		return nil, fmt.Errorf("redisstore: %w", store.ErrInvalidCursor)
	}
	marks := make([]mark, len(s.shards))
	for i := range marks {
		p := placeOf(i, raw[i*markLen:])
		marks[i] = mark{p.number, int64(p.index)}
	}
	return marks, nil
}

func (s *Store) encodeMarks(marks []mark) string {
	b := make([]byte, 0, markLen*len(marks))
	for _, m := range marks {
		b = append(b, numberText(m.created)...)
		b = binary.BigEndian.AppendUint16(b, uint16(m.index)) // #nosec G115 -- two bytes by construction
	}
	return s.marks().seal(b)
}

// tail returns the lanes with insertions after the mark and notes the next one.
func (d *looking) tail(ctx context.Context, text string, limit int) ([]string, error) {
	marks := make([]mark, len(d.shards))
	if text != "" {
		var err error
		if marks, err = d.decodeMarks(text); err != nil {
			return nil, err
		}
	}
	requests := make([]request, len(d.shards))
	for i, k := range d.shards {
		var created any = marks[i].created
		if text == "" {
			created = ""
		}
		requests[i] = request{tailScript, []string{k.meta, k.order, k.heads, k.rows}, []any{created, marks[i].index, limit}}
	}
	replies, err := d.doAll(ctx, requests)
	if err != nil {
		return nil, err
	}
	var lanes []string
	for i, reply := range replies {
		list := asList(reply)
		d.now = max(d.now, asInt(at(list, 0)))
		var more []string
		for j := 4; j < len(list); j++ {
			if lane := asText(list[j]); !slices.Contains(lanes, lane) {
				more = append(more, lane)
			}
		}
		if len(lanes)+len(more) > limit {
			d.found.Behind = true // the mark of this shard stays
			continue
		}
		lanes = append(lanes, more...)
		marks[i] = mark{asInt(at(list, 1)), asInt(at(list, 2))}
		d.found.Behind = d.found.Behind || asInt(at(list, 3)) == 1
	}
	d.found.Mark = d.encodeMarks(marks)
	return lanes, nil
}

// report asks for the next times of lanes and reports those with something to
// come. Where is nil, or the shards in which each lane is known to have work.
func (d *looking) report(ctx context.Context, lanes []string, where map[string][]int) error {
	if len(lanes) == 0 {
		return nil
	}
	ask := make([][]string, len(d.shards))
	for shard := range d.shards {
		for _, lane := range lanes {
			// The first shard is asked for all, because of the endpoints.
			if where == nil || shard == 0 || slices.Contains(where[lane], shard) {
				ask[shard] = append(ask[shard], lane)
			}
		}
	}
	var requests []request
	var of []int
	for shard, k := range d.shards {
		if len(ask[shard]) == 0 {
			continue
		}
		keys := []string{k.meta, k.rows, k.timed, k.held, k.versions}
		args := make([]any, len(ask[shard]))
		for i, lane := range ask[shard] {
			keys = append(keys, k.fresh(lane))
			args[i] = lane
		}
		of = append(of, shard)
		requests = append(requests, request{headsScript, keys, args})
	}
	replies, err := d.doAll(ctx, requests)
	if err != nil {
		return err
	}
	next := make(map[string]int64)
	paused := make(map[string]bool)
	for r, reply := range replies {
		list := asList(reply)
		d.now = max(d.now, asInt(at(list, 0)))
		versions := asList(at(list, 1))
		for i, lane := range ask[of[r]] {
			if of[r] == 0 {
				paused[lane] = isPaused(asText(at(versions, i)))
			}
			if t := asInt(at(list, 2+i)); t > 0 && (next[lane] == 0 || t < next[lane]) {
				next[lane] = t
			}
		}
	}
	for _, lane := range lanes {
		if t := next[lane]; t > 0 && !paused[lane] && !(d.seen[lane] && where == nil) {
			d.seen[lane] = true
			d.found.Lanes = append(d.found.Lanes, store.LaneAt{ID: lane, Next: timeOf(t)})
		}
	}
	return nil
}

// A walk goes over the lanes in the order of their ids: from a random one to the
// end, and from the beginning up to it again.
type walk struct {
	start, at string
	// wrapped: it came past the end.
	wrapped bool
}

const (
	// sweepLanes bounds the lanes that one call looks at, paused ones included.
	sweepLanes = 8192
	sweepPage  = 1024
)

func (d *looking) sweep(ctx context.Context, cursor string, limit int) error {
	w, err := d.walkAt(ctx, cursor)
	if err != nil {
		return err
	}
	looked, reported := 0, len(d.found.Lanes)
	for looked < sweepLanes {
		room := limit - (len(d.found.Lanes) - reported)
		if room == 0 {
			break
		}
		lanes, where, more, err := d.page(ctx, w, min(room, sweepPage))
		if err != nil {
			return err
		}
		if err := d.report(ctx, lanes, where); err != nil {
			return err
		}
		looked += len(lanes)
		if len(lanes) > 0 {
			w.at = lanes[len(lanes)-1]
		}
		switch {
		case more:
		case w.wrapped:
			d.found.Wrapped = true
			return nil
		default:
			w.wrapped, w.at = true, ""
		}
	}
	b := appendText(nil, w.start)
	b = appendText(b, w.at)
	if w.wrapped {
		b = append(b, 1)
	}
	d.found.Cursor = d.query('s').seal(b)
	return nil
}

func (d *looking) walkAt(ctx context.Context, cursor string) (walk, error) {
	if cursor != "" {
		text, err := d.query('s').open(cursor)
		if err != nil {
			return walk{}, err
		}
		r := reader{rest: text}
		w := walk{start: r.text(), at: r.text()}
		w.wrapped = r.rest != ""
		return w, r.err()
	}
	k := d.shards[rand.IntN(len(d.shards))] // #nosec G404 -- any will do
	members, err := d.client.ZRandMember(ctx, k.lanes, 1).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return walk{}, fmt.Errorf("redisstore: due: %w", err)
	}
	if len(members) == 0 {
		return walk{wrapped: true}, nil // from the beginning to the end
	}
	start, _, _ := strings.Cut(members[0], "\x00")
	return walk{start: start}, nil
}

// page returns the next lanes of a walk, with the shards they have work in, and
// whether there are more before the end.
func (d *looking) page(ctx context.Context, w walk, limit int) (lanes []string, where map[string][]int, more bool, err error) {
	from, to := "-", "+"
	switch {
	case w.at != "":
		from = "[" + w.at + "\x01"
	case !w.wrapped:
		from = "[" + w.start
	}
	if w.wrapped && w.start != "" {
		to = "(" + w.start
	}
	requests := make([]request, len(d.shards))
	for i, k := range d.shards {
		requests[i] = request{lanesScript, []string{k.lanes}, []any{from, to, limit + 1}}
	}
	replies, err := d.doAll(ctx, requests)
	if err != nil {
		return nil, nil, false, err
	}
	where = make(map[string][]int)
	end := "" // what is behind it was not read in all shards
	for shard, reply := range replies {
		members := asList(reply)
		for i, m := range members {
			lane, _, _ := strings.Cut(asText(m), "\x00")
			if i == limit && (end == "" || lane < end) {
				end = lane
			}
			if !slices.Contains(where[lane], shard) {
				where[lane] = append(where[lane], shard)
			}
		}
	}
	for lane := range where {
		if end == "" || lane < end {
			lanes = append(lanes, lane)
		}
	}
	if len(lanes) == 0 && end != "" {
		// One lane fills the page, with many tenants.
		return []string{end}, nil, true, nil
	}
	slices.Sort(lanes)
	if len(lanes) > limit {
		return lanes[:limit], where, true, nil
	}
	return lanes, where, end != "", nil
}
