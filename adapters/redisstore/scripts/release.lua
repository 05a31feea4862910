-- release removes pointers to another shard.
--
-- KEYS[1]  ids             hash: tenant\0id -> n, or a pointer to another shard
-- ARGV     pairs of an id, as in KEYS[1], and the 10 bytes of the pointer that it
--          must still hold: the shard and the nonce
--
-- Returns how many were removed.
local removed = 0
for i = 1, #ARGV, 2 do
  local v = call('HGET', KEYS[1], ARGV[i])
  if v and #v == 17 and v:sub(1, 10) == ARGV[i + 1] then
    removed = removed + call('HDEL', KEYS[1], ARGV[i])
  end
end
return removed
