-- audit looks for lanes with fewer entries in their queues than they have pending
-- deliveries, and enters lanes that are missing in the index of lanes.
--
-- KEYS[1]  counts          hash: state lane\0tenant -> number
-- KEYS[2]  lanes           sorted set: lane\0tenant with pending deliveries
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  leases          hash: the same -> how many are left, fields
-- KEYS[6...]               the fresh list of each lane
-- ARGV     lane\0tenant with pending deliveries, aligned with KEYS
--
-- Returns the lanes where entries are missing.
local counts, lanes, timed, held, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local damaged = {}
for i, key in ipairs(ARGV) do
  local lane = key:sub(1, key:find('\0', 1, true) - 1)
  local pending = tonumber(call('HGET', counts, '1' .. key) or 0)
  if pending > 0 then
    if not call('ZSCORE', lanes, key) then
      call('HDEL', counts, '') -- see claim
      call('ZADD', lanes, 0, key)
    end
    pending = 0
    for _, k in ipairs(call('ZRANGEBYLEX', lanes, '[' .. lane .. '\0', '[' .. lane .. '\0\255')) do
      pending = pending + tonumber(call('HGET', counts, '1' .. k) or 0)
    end
    local queued = call('LLEN', KEYS[5 + i]) + call('ZLEXCOUNT', timed, '[' .. lane .. '\0', '[' .. lane .. '\0\255')
    for _, lease in ipairs(hmget(leases, call('ZRANGEBYLEX', held, '[' .. lane .. '\0', '[' .. lane .. '\0\255'))) do
      if lease then queued = queued + unpackBytes('>I3', lease) end
    end
    if queued < pending then damaged[#damaged + 1] = lane end
  end
end
return damaged
