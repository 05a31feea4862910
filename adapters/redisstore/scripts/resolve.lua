-- resolve tells what a pointer to this shard leads to. If it leads to nothing, it
-- may make sure that it never will.
--
-- KEYS[1]  ids             hash: tenant\0id -> n, or a pointer to another shard
-- KEYS[2]  heads           hash: n -> head
-- KEYS[3]  rows            hash: field -> row
-- KEYS[4]  aborted         hash: reservations that must not be used any more
-- KEYS[5]  meta
-- ARGV[1]  the id, as in KEYS[1]
-- ARGV[2]  the nonce of the reservation, 8 bytes
-- ARGV[3]  1: let the reservation not be used any more
--
-- Returns {n, head, lanes, reservation} for an event that exists here, otherwise 0.
local v = call('HGET', KEYS[1], ARGV[1])
if v and #v == 15 then
  local number = v:sub(1, 7)
  local head = call('HGET', KEYS[2], number)
  local refs = {}
  if head then
    local of = {}
    for j = 0, unpackBytes('>I3', head, 2) - 1 do of[j + 1] = number .. pack('>H', j) end
    for j, raw in ipairs(hmget(KEYS[3], of)) do refs[j] = raw and laneOf(raw) or '' end
  end
  return { unpackBytes('>I7', number), head or '', refs, v:sub(8) }
end
if ARGV[3] == '1' then
  call('HDEL', KEYS[5], '') -- see claim
  call('HSET', KEYS[4], ARGV[2], string.format('%.0f', clock(KEYS[5])))
end
return 0
