-- put_endpoint replaces an endpoint, if nobody has written to it meanwhile.
--
-- KEYS[1]  meta
-- KEYS[2]  endpoints       hash: id -> record
-- KEYS[3]  versions        hash: id -> created, revision, status
-- KEYS[4]  list            sorted set: ids by their time of creation
-- KEYS[5]  the same of the tenant
-- KEYS[6]  tombs           set: ids of deleted endpoints
-- KEYS[7]  the same of the tenant
-- KEYS[8...]               the sets of patterns that go, then of those that come
-- ARGV[1]  the id
-- ARGV[2]  the version (created, revision) that it must have
-- ARGV[3]  the status it gets; 9 makes a tombstone of it
-- ARGV[4]  how many patterns go
-- ARGV[5]  the part of the record that is for Go alone
--
-- Returns the record; 0 if there is none, or 1 if it has another version.
local version = call('HGET', KEYS[3], ARGV[1])
if not version then return 0 end
if version:sub(1, 13) ~= ARGV[2] then return 1 end
local status, going = tonumber(ARGV[3]), tonumber(ARGV[4])
if version:byte(14) == 9 then return 0 end
local now = clock(KEYS[1])
local created, revision = unpackBytes('>I7I6', version)
local deleted = status == 9 and now or 0
local record = pack('>I7I7I7I6B', created, now, deleted, revision + 1, status) .. ARGV[5]
if status == 9 then
  call('HDEL', KEYS[1], '') -- see claim: to delete is possible even if memory is short
  call('ZREM', KEYS[4], ARGV[1])
  call('ZREM', KEYS[5], ARGV[1])
  call('SADD', KEYS[6], ARGV[1])
  call('SADD', KEYS[7], ARGV[1])
end
call('HSET', KEYS[2], ARGV[1], record)
call('HSET', KEYS[3], ARGV[1], pack('>I7I6B', created, revision + 1, status))
for k = 8, #KEYS do
  call(k < 8 + going and 'SREM' or 'SADD', KEYS[k], ARGV[1])
end
return record
