-- open finds out what a store is, and founds it if there is none.
--
-- KEYS[1]  about           hash: format, shards, id
-- ARGV[1]  format
-- ARGV[2]  number of shards
-- ARGV[3]  id
--
-- Returns {format, shards, id} as they are.
local about = call('HMGET', KEYS[1], 'format', 'shards', 'id')
if about[1] then return about end
call('HSET', KEYS[1], 'format', ARGV[1], 'shards', ARGV[2], 'id', ARGV[3])
return { ARGV[1], ARGV[2], ARGV[3] }
