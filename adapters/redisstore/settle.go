package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Settle implements [store.Queue]. It refuses an outcome without a valid State,
// or with a Reason of more than 255 bytes.
//
// It is one script in each shard concerned. If one of them fails, so does the
// call, and outcomes of other shards may have been stored; the repetition that
// the error asks for stores the rest, and nothing twice.
func (s *Store) Settle(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
	if err := ctx.Err(); err != nil {
		return store.SettleResult{}, err
	}
	for i := range outcomes {
		if err := checkOutcome(&outcomes[i]); err != nil {
			return store.SettleResult{}, fmt.Errorf("redisstore: settle: outcome %d, delivery %q: %w", i, outcomes[i].DeliveryID, err)
		}
	}
	if len(outcomes) == 0 {
		return store.SettleResult{}, nil
	}
	args := make([][]any, len(s.shards))
	which := make([][]int, len(s.shards))
	lost := make([]bool, len(outcomes))
	args[0] = make([]any, 0, 2*len(outcomes)/len(s.shards))
	for i := range outcomes {
		o := &outcomes[i]
		p, ok := parseID(o.DeliveryID, len(s.shards))
		if !ok || o.Token < 0 || o.Token >= 1<<32 {
			lost[i] = true
			continue
		}
		var attempt []byte
		if o.Attempt != nil {
			attempt = appendAttempt(make([]byte, 0, attemptSize(o.Attempt)), o.Attempt)
		}
		args[p.shard] = append(args[p.shard], appendOutcome(make([]byte, 0, 28+len(o.Reason)), p, o), attempt)
		which[p.shard] = append(which[p.shard], i)
	}
	var requests []request
	var of [][]int
	for shard, k := range s.shards {
		if len(which[shard]) == 0 {
			continue
		}
		of = append(of, which[shard])
		requests = append(requests, request{settleScript, []string{
			k.meta, k.rows, k.timed, k.held, k.leases, k.attempts, k.counts, k.lanes, k.tenants, k.open, k.ended,
		}, args[shard]})
	}
	if len(requests) > 0 {
		replies, err := s.doTogether(ctx, requests)
		if err != nil {
			return store.SettleResult{}, err
		}
		for r, reply := range replies {
			fates := asText(reply)
			for j, i := range of[r] {
				lost[i] = j >= len(fates) || fates[j] == 1
			}
		}
	}
	var result store.SettleResult
	for i := range outcomes {
		if lost[i] {
			result.Lost = append(result.Lost, outcomes[i].DeliveryID)
		}
	}
	return result, nil
}

func checkOutcome(o *store.Outcome) error {
	if o.State < store.StatePending || o.State > store.StateCancelled {
		return fmt.Errorf("invalid State %d", o.State)
	}
	return checkReason(o.Reason)
}

func checkReason(reason store.Code) error {
	if len(reason) > 255 {
		return fmt.Errorf("the reason must have at most 255 bytes, it has %d", len(reason))
	}
	return nil
}

// appendOutcome encodes an outcome for the script.
func appendOutcome(b []byte, p place, o *store.Outcome) []byte {
	kind := byte(0)
	status := 0
	if o.Attempt != nil {
		kind, status = 1, o.Attempt.Status
		if o.Free {
			kind = 3
		}
	}
	b = append(b, p.field()...)
	b = binary.BigEndian.AppendUint32(b, uint32(o.Token)) // #nosec G115 -- checked by the caller
	b = append(b, byte(o.State), kind)
	b = append(b, numberText(min(span(o.Delay), maxMicros))...)
	b = binary.BigEndian.AppendUint16(b, uint16(status)) // #nosec G115 -- read back as int16
	b = append(b, byte(len(o.Reason)))                   // #nosec G115 -- checked by the caller
	return append(b, o.Reason...)
}

// attemptSize is about what an attempt takes, so that room is made once.
func attemptSize(a *store.Attempt) int {
	n := 80 + len(a.URL) + len(a.RemoteAddr) + len(a.Code) + len(a.Error) + len(a.ResponseBody)
	for i := range a.RequestHeader {
		n += 4 + len(a.RequestHeader[i].Name) + len(a.RequestHeader[i].Value)
	}
	for i := range a.ResponseHeader {
		n += 4 + len(a.ResponseHeader[i].Name) + len(a.ResponseHeader[i].Value)
	}
	return n
}
