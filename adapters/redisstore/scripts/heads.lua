-- heads tells when lanes have work next.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  versions        hash: endpoint -> created, revision, status
-- KEYS[6...]               the fresh list of each lane
-- ARGV     the lanes
--
-- Returns {now, versions, next...}: the versions of the lanes' endpoints, as far
-- as they are in this shard; and 0 for a lane without work.
local now = clock(KEYS[1])
local version = hmget(KEYS[5], ARGV)
for l = 1, #ARGV do version[l] = version[l] or '' end
local held = call('EXISTS', KEYS[4]) == 1 and KEYS[4] or nil
local result = { now, version }
for l, lane in ipairs(ARGV) do result[l + 2] = headOf(KEYS[3], held, KEYS[2], KEYS[5 + l], lane) end
return result
