-- mend puts pending deliveries back that are missing in the queue of their lane.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  leases          hash: the same -> how many are left, fields
-- KEYS[6...]               the fresh lists of the damaged lanes
-- ARGV[1]  number of lanes
-- ARGV[2...] the damaged lanes, aligned with KEYS; then the fields to look at
--
-- Returns how many deliveries were put back.
local rows, timed, held, leases = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lists, fields = {}, {}
for i = 1, ARGV[1] do lists[ARGV[1 + i]] = KEYS[5 + i] end
for i = 2 + ARGV[1], #ARGV do fields[#fields + 1] = ARGV[i] end
call('HDEL', KEYS[1], '') -- see claim

-- under tells whether a row is under the lease that it says.
local function under(r)
  local name = leaseOf(r.lane, pack('>I7I7', r.visible, r.updated))
  local lease = call('ZSCORE', held, name) and call('HGET', leases, name)
  for from = 4, lease and #lease or 0, 9 do
    if lease:sub(from, from + 8) == r.field then return true end
  end
  return false
end

local mended = 0
for i, raw in ipairs(hmget(rows, fields)) do
  local list = raw and band(raw:byte(1), 7) == 1 and lists[laneOf(raw)]
  if list then
    local r = readRow(fields[i], raw)
    local missing
    if r.short then
      -- The list is in the order of its entries.
      missing = true
      local at = lowerBound(list, r.n)
      while true do
        local entry = call('LINDEX', list, at)
        if not entry or unpackBytes('>I7', entry) > r.n then break end
        if entry == r.field then missing = false end
        at = at + 1
      end
    elseif r.grouped then
      missing = not under(r)
    else
      missing = not call('ZSCORE', timed, memberOf(r.lane, r.visible, r.field))
    end
    if missing then
      r.short = false
      call('HSET', rows, r.field, writeRow(r))
      call('ZADD', timed, 0, memberOf(r.lane, r.visible, r.field))
      mended = mended + 1
    end
  end
end
return mended
