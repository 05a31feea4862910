-- event reads an event.
--
-- KEYS[1]  ids             hash: tenant\0id -> n, or a pointer to another shard
-- KEYS[2]  heads           hash: n -> head
-- KEYS[3]  bodies          hash: n -> body
-- ARGV[1]  the id, as in KEYS[1]
-- ARGV[2]  1: with the body
--
-- Returns {n, head, body}, the 10 bytes of a pointer, or 0.
local v = call('HGET', KEYS[1], ARGV[1])
if not v then return 0 end
if #v == 17 then return v:sub(1, 10) end
local number = v:sub(1, 7)
return { unpackBytes('>I7', number), call('HGET', KEYS[2], number), ARGV[2] == '1' and call('HGET', KEYS[3], number) }
