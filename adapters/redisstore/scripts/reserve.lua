-- reserve lets ids of events point to another shard, where the events are about
-- to be stored.
--
-- KEYS[1]  ids             hash: tenant\0id -> n, or a pointer to another shard
-- KEYS[2]  heads           hash: n -> head
-- KEYS[3]  rows            hash: field -> row
-- KEYS[4]  meta
-- ARGV[1]  the shard, in 2 bytes, and the nonce of the reservation, in 8
-- ARGV[2...] the ids, as in KEYS[1]
--
-- Returns {now, result...}: 1 for an id that points there now, {n, head, lanes,
-- reservation} for an event that exists here, and {pointer, age} for an id that
-- points elsewhere.
local ids, heads, rows, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = clock(meta)
local fields = {}
for i = 2, #ARGV do fields[i - 1] = ARGV[i] end
local results, new = { now }, {}
for i, v in ipairs(hmget(ids, fields)) do
  if not v then
    new[#new + 1] = fields[i]
    new[#new + 1] = ARGV[1] .. pack('>I7', now)
    results[i + 1] = 1
  elseif #v == 17 then
    results[i + 1] = { v:sub(1, 10), now - unpackBytes('>I7', v, 11) }
  else
    local number = v:sub(1, 7)
    local head = call('HGET', heads, number)
    local refs = {}
    if head then
      local of = {}
      for j = 0, unpackBytes('>I3', head, 2) - 1 do of[j + 1] = number .. pack('>H', j) end
      for j, raw in ipairs(hmget(rows, of)) do refs[j] = raw and laneOf(raw) or '' end
    end
    results[i + 1] = { unpackBytes('>I7', number), head or '', refs, v:sub(8) }
  end
end
each('HSET', ids, new, 4000)
return results
