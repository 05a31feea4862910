-- forget_endpoint removes an endpoint or its tombstone, if nobody has written to
-- it meanwhile.
--
-- KEYS[1]  endpoints       hash: id -> record
-- KEYS[2]  versions        hash: id -> created, revision, status
-- KEYS[3]  list            sorted set: ids by their time of creation
-- KEYS[4]  the same of the tenant
-- KEYS[5]  tombs           set: ids of deleted endpoints
-- KEYS[6]  the same of the tenant
-- KEYS[7...]               the sets of its patterns
-- ARGV[1]  the id
-- ARGV[2]  the version (created, revision) that it must have
--
-- Returns 1 if it is gone, 0 if it has another version.
local version = call('HGET', KEYS[2], ARGV[1])
if version and version:sub(1, 13) ~= ARGV[2] then return 0 end
call('HDEL', KEYS[1], ARGV[1])
call('HDEL', KEYS[2], ARGV[1])
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', KEYS[4], ARGV[1])
call('SREM', KEYS[5], ARGV[1])
call('SREM', KEYS[6], ARGV[1])
for k = 7, #KEYS do call('SREM', KEYS[k], ARGV[1]) end
return 1
