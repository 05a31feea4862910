-- create_endpoint stores a new endpoint.
--
-- KEYS[1]  meta
-- KEYS[2]  endpoints       hash: id -> record
-- KEYS[3]  versions        hash: id -> created, revision, status
-- KEYS[4]  list            sorted set: ids by their time of creation
-- KEYS[5]  the same of the tenant
-- KEYS[6...]               the set of each pattern
-- ARGV[1]  the id
-- ARGV[2]  the status
-- ARGV[3]  the part of the record that is for Go alone
--
-- Returns the record, or 0 if the id is taken.
local now, last = clock(KEYS[1])
if call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
local created = now > last and now or last + 1
local record = pack('>I7I7I7I6B', created, created, 0, 1, ARGV[2]) .. ARGV[3]
call('HSET', KEYS[1], 'last', string.format('%.0f', created))
call('HSET', KEYS[2], ARGV[1], record)
call('HSET', KEYS[3], ARGV[1], pack('>I7I6B', created, 1, ARGV[2]))
call('ZADD', KEYS[4], string.format('%.0f', created), ARGV[1])
call('ZADD', KEYS[5], string.format('%.0f', created), ARGV[1])
for k = 6, #KEYS do call('SADD', KEYS[k], ARGV[1]) end
return record
