-- What the scripts have in common. It is put before each of them.
--
-- Times are whole microseconds since 1970. The number n of an event is the time
-- of its creation, which no two events of a shard share. A delivery is the i-th
-- of event n; its name in hashes is its field, n in 7 bytes and i in 2.
local call = redis.call
local pack, unpackBytes = struct.pack, struct.unpack
local band, bor = bit.band, bit.bor
local floor = math.floor

-- The latest time that a Lua number and 7 bytes hold exactly.
local FOREVER = 9007199254740991

-- A row that was never written to again after its insert is SHORT: the flags, and
-- the lane with its length. Only such a row is in the lane's list; every other
-- pending row is in the timed set, or under a lease with others. A SOLE row is the
-- only one of its event, and ends with the tenant and its length in 2 bytes, so that
-- to settle it takes no look at the event. An EXTRA row was made by a requeue and
-- ends with its own time of creation in 7 bytes. A GROUPED row is pending, and one of
-- several of its lane that a claim took together: they share one entry in the set
-- held, and one in the hash leases. On a row that is not pending the same bit is
-- LAST: it carries its last attempt behind all else, unless that is large, and the
-- length of it in 3 bytes. All other attempts are in a hash.
local CLAIMED, SOLE, EXTRA, SHORT, GROUPED, LAST = 8, 16, 32, 64, 128, 128

-- The states as they begin the names of counts.
local STATES = { '1', '2', '3', '4' }

-- flags, token, attempts, tries, expiries, interrupted, status, visible, updated,
-- delivered, reason, lane, base; then the bitmap of settled tokens.
local ROW = '>BI4I3I3I2I3HI7I7I7Bc0Bc0H'
-- flags, number of deliveries, tenant, id, type; the rest is for Go alone.
local HEAD = '>BI3Hc0Bc0Bc0'

local function fieldOf(n, i) return pack('>I7H', n, i) end

-- clock returns the shard's time, which never goes backwards, and the time of
-- its last creation.
local function clock(meta)
  local t = call('TIME')
  local now = t[1] * 1000000 + t[2]
  local last = tonumber(call('HGET', meta, 'last') or 0)
  if last > now then now = last end
  return now, last
end

-- each calls a command with many arguments in pieces that Lua's stack bears. They
-- had better be strings: a number, such as a score of 0, is formatted every time.
local function each(command, key, args, step)
  for from = 1, #args, step do
    call(command, key, unpack(args, from, math.min(from + step - 1, #args)))
  end
end

local function hmget(key, fields)
  if #fields <= 4000 then
    if #fields == 0 then return {} end
    return call('HMGET', key, unpack(fields))
  end
  local all = {}
  for from = 1, #fields, 4000 do
    for _, v in ipairs(call('HMGET', key, unpack(fields, from, math.min(from + 3999, #fields)))) do
      all[#all + 1] = v
    end
  end
  return all
end

-- laneOf reads the lane of a row.
local function laneOf(raw)
  if band(raw:byte(1), SHORT) ~= 0 then return raw:sub(3, 2 + raw:byte(2)) end
  local at = 41 + raw:byte(40)
  return raw:sub(at + 1, at + raw:byte(at))
end

-- apart returns a row without the attempt that it may carry, and that.
local function apart(raw)
  local flags = raw:byte(1)
  if band(flags, 7) == 1 or band(flags, LAST) == 0 then return raw end
  local len = unpackBytes('>I3', raw, #raw - 2)
  return raw:sub(1, -4 - len), raw:sub(-3 - len, -4)
end

-- A row as a table, for scripts whose speed does not matter.
local function readRow(f, raw)
  local n, i = unpackBytes('>I7H', f)
  local flags, last = raw:byte(1), nil
  raw, last = apart(raw)
  local r = { field = f, n = n, i = i, last = last, state = band(flags, 7), short = band(flags, SHORT) ~= 0 }
  r.claimed, r.extra, r.sole = band(flags, CLAIMED) ~= 0, band(flags, EXTRA) ~= 0, band(flags, SOLE) ~= 0
  r.grouped = r.state == 1 and band(flags, GROUPED) ~= 0
  if r.sole then r.tenant = raw:sub(-2 - unpackBytes('>H', raw, #raw - 1), -3) end
  if r.short then
    r.token, r.attempts, r.tries, r.expiries, r.interrupted, r.status = 1, 0, 0, 0, 0, 0
    r.visible, r.updated, r.delivered = n, n, 0
    r.reason, r.lane, r.base, r.map = '', laneOf(raw), 0, ''
    return r
  end
  local at, _
  _, r.token, r.attempts, r.tries, r.expiries, r.interrupted, r.status,
    r.visible, r.updated, r.delivered, r.reason, r.lane, r.base, at = unpackBytes(ROW, raw)
  r.map = raw:sub(at)
  if r.extra then
    r.created = r.map:sub(-7)
    r.map = r.map:sub(1, -8)
  elseif r.sole then
    r.map = r.map:sub(1, -3 - #r.tenant)
  end
  return r
end

-- writeRow makes a row that is not grouped.
local function writeRow(r)
  local flags = r.state
  if r.claimed then flags = flags + CLAIMED end
  if r.extra then flags = flags + EXTRA end
  local rest = r.created or ''
  if r.sole then
    flags = flags + SOLE
    rest = r.tenant .. pack('>H', #r.tenant)
  end
  if r.last then
    flags = flags + LAST
    rest = rest .. r.last .. pack('>I3', #r.last)
  end
  return pack(ROW, flags, r.token, r.attempts, r.tries, r.expiries, r.interrupted, r.status,
    r.visible, r.updated, r.delivered, #r.reason, r.reason, #r.lane, r.lane, r.base) .. r.map .. rest
end

-- memberOf is a pending row's entry in the timed set, which is in the order of
-- lane, VisibleAt and number.
local function memberOf(lane, visible, f) return lane .. '\0' .. pack('>I7', visible) .. f end

-- timesOf returns the visible and updated of a row, in binary: for one that is
-- claimed, the end of its lease and the time of the claim.
local function timesOf(raw) return raw:sub(19, 32) end

-- leaseOf is the name of a lease that several deliveries share.
local function leaseOf(lane, times) return lane .. '\0' .. times end

-- leave takes deliveries out of the leases that they share, and removes those that
-- hold none any more.
local function leave(held, leases, names, numbers)
  local kept, gone = {}, {}
  for i, lease in ipairs(hmget(leases, names)) do
    local left = lease and unpackBytes('>I3', lease) - numbers[i] or 0
    if left > 0 then
      kept[#kept + 1] = names[i]
      kept[#kept + 1] = pack('>I3', left) .. lease:sub(4)
    else
      gone[#gone + 1] = names[i]
    end
  end
  each('HSET', leases, kept, 4000)
  each('HDEL', leases, gone, 4000)
  each('ZREM', held, gone, 4000)
end

-- unqueue takes a pending row that is to be written again out of the queue.
local function unqueue(timed, held, leases, r)
  if r.grouped then
    leave(held, leases, { leaseOf(r.lane, pack('>I7I7', r.visible, r.updated)) }, { 1 })
    r.grouped = false
  elseif not r.short then
    call('ZREM', timed, memberOf(r.lane, r.visible, r.field))
  end
end

-- firstOf returns the first entry of a lane in timed or held, and its time.
local function firstOf(set, lane)
  local m = call('ZRANGEBYLEX', set, '[' .. lane .. '\0', '[' .. lane .. '\0\255', 'LIMIT', '0', '1')[1]
  return m, m and unpackBytes('>I7', m, #lane + 2)
end

-- dissolve ends what shared leases of a lane have run out at a time: what is still
-- under them gets entries of its own. It returns when the next one runs out.
local function dissolve(rows, timed, held, leases, lane, at)
  while true do
    local name, ends = firstOf(held, lane)
    if not name or ends > at then return ends end
    local fields, newRows, newTimed = {}, {}, {}
    local lease, times, untilBytes = call('HGET', leases, name) or '', name:sub(-14), name:sub(-14, -8)
    for from = 4, #lease, 9 do fields[#fields + 1] = lease:sub(from, from + 8) end
    for i, raw in ipairs(hmget(rows, fields)) do
      if raw and band(raw:byte(1), 7 + CLAIMED + GROUPED) == 1 + CLAIMED + GROUPED and timesOf(raw) == times then
        newRows[#newRows + 1] = fields[i]
        newRows[#newRows + 1] = string.char(raw:byte(1) - GROUPED) .. raw:sub(2)
        newTimed[#newTimed + 1] = '0'
        newTimed[#newTimed + 1] = lane .. '\0' .. untilBytes .. fields[i]
      end
    end
    call('HDEL', leases, name) -- first; see claim
    call('ZREM', held, name)
    each('HSET', rows, newRows, 4000)
    each('ZADD', timed, newTimed, 4000)
  end
end

-- headOf returns the earliest time at which a lane has work in this shard, 0 if
-- it has none; held may be nil if nothing is there. Entries of the list that are not of use any more are dropped.
local function headOf(timed, held, rows, list, lane)
  local _, first = firstOf(timed, lane)
  local _, lease
  if held then _, lease = firstOf(held, lane) end
  if lease and (not first or lease < first) then first = lease end
  first = first or 0
  for _ = 1, 10 do
    local entries = call('LRANGE', list, 0, 0)
    if #entries == 0 then return first end
    local raw = call('HGET', rows, entries[1])
    if raw and band(raw:byte(1), SHORT) ~= 0 then
      local n = unpackBytes('>I7', entries[1])
      if first == 0 or n < first then first = n end
      return first
    end
    -- The first is outdated; the ones behind it may be, too.
    entries = call('LRANGE', list, 0, 499)
    local raws = hmget(rows, entries)
    local dead = 0
    while dead < #entries and not (raws[dead + 1] and band(raws[dead + 1]:byte(1), SHORT) ~= 0) do dead = dead + 1 end
    call('LTRIM', list, dead, -1)
  end
  -- Very many were cancelled: say "now", and go on next time.
  return call('TIME')[1] * 1000000
end

-- lowerBound returns the index of the first entry of a list of entries that
-- begin with a time in 7 bytes, whose time is not before t. It gallops from the
-- end, for what is asked for is mostly young.
local function lowerBound(list, t)
  local high = call('LLEN', list)
  local low, step = high, 1
  while low > 0 do
    low = math.max(high - step, 0)
    if unpackBytes('>I7', call('LINDEX', list, low)) < t then
      low = low + 1
      break
    end
    high, step = low, step * 4
  end
  while low < high do
    local mid = floor((low + high) / 2)
    if unpackBytes('>I7', call('LINDEX', list, mid)) < t then low = mid + 1 else high = mid end
  end
  return low
end

-- Tally sums the changes of counts, so that each is written once.
local function tally() return { delta = {}, keys = {} } end

-- move counts a delivery of the key lane\0tenant from one state to another; 0 is
-- none.
local function move(t, key, from, to, n)
  n = n or 1
  local d = t.delta[key]
  if not d then
    d = { 0, 0, 0, 0 }
    t.delta[key] = d
    t.keys[#t.keys + 1] = key
  end
  if from > 0 then d[from] = d[from] - n end
  if to > 0 then d[to] = d[to] + n end
end

-- addCounts adds to counts, of which none may end below 0, and returns what they
-- are then. A count of 0 is none. The fields are different ones.
local function addCounts(counts, fields, deltas)
  if #fields == 1 then
    local left = call('HINCRBY', counts, fields[1], deltas[1])
    if left <= 0 then call('HDEL', counts, fields[1]) end
    return { left }
  end
  local lefts, kept, gone = {}, {}, {}
  for i, count in ipairs(hmget(counts, fields)) do
    local left = tonumber(count or 0) + deltas[i]
    lefts[i] = left
    if left > 0 then
      kept[#kept + 1] = fields[i]
      kept[#kept + 1] = string.format('%.0f', left)
    else
      gone[#gone + 1] = fields[i]
    end
  end
  each('HSET', counts, kept, 4000)
  each('HDEL', counts, gone, 4000)
  return lefts
end

-- writeTally writes the counts, and keeps the index of lanes with pending
-- deliveries and that of the lanes of each tenant in line with them.
local function writeTally(t, counts, lanes, tenants)
  local fields, deltas, of, states = {}, {}, {}, {}
  for _, key in ipairs(t.keys) do
    local d = t.delta[key]
    for state = 1, 4 do
      if d[state] ~= 0 then
        local i = #fields + 1
        fields[i], deltas[i], of[i], states[i] = STATES[state] .. key, d[state], key, state
      end
    end
  end
  local busy, idle, known, emptied = {}, {}, {}, {}
  for i, left in ipairs(addCounts(counts, fields, deltas)) do
    local key, first = of[i], left == deltas[i] and left > 0
    if left <= 0 then emptied[#emptied + 1] = key end
    if states[i] == 1 then
      if left <= 0 then
        idle[#idle + 1] = key
      elseif first then
        busy[#busy + 1] = '0'
        busy[#busy + 1] = key
      end
    end
    if first and tenants then
      local at = key:find('\0', 1, true)
      known[#known + 1] = '0'
      known[#known + 1] = key:sub(at + 1) .. '\0' .. key:sub(1, at - 1)
    end
  end
  each('ZREM', lanes, idle, 4000)
  each('ZADD', lanes, busy, 4000)
  if not tenants then return end
  each('ZADD', tenants, known, 4000)
  for _, key in ipairs(emptied) do
    local c = call('HMGET', counts, '1' .. key, '2' .. key, '3' .. key, '4' .. key)
    if not (c[1] or c[2] or c[3] or c[4]) then
      local at = key:find('\0', 1, true)
      call('ZREM', tenants, key:sub(at + 1) .. '\0' .. key:sub(1, at - 1))
    end
  end
end
