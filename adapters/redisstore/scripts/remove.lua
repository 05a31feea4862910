-- remove removes events with their deliveries and attempts, or their bodies.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  counts          hash: state lane\0tenant -> number
-- KEYS[5]  lanes           sorted set: lane\0tenant with pending deliveries
-- KEYS[6]  tenants         sorted set: tenant\0lane with deliveries
-- KEYS[7]  open            hash: n -> number of pending deliveries, tenant
-- KEYS[8]  heads           hash: n -> head
-- KEYS[9]  bodies          hash: n -> body
-- KEYS[10] order           list: n, or created and field, in the order of creation
-- KEYS[11] ids             hash: tenant\0id -> n, or a pointer to another shard
-- KEYS[12] attempts        hash: field, number in 3 bytes -> attempt
-- KEYS[13] ended           list: n and when its last delivery ended
-- KEYS[14] bare            the same, of events whose bodies are removed
-- KEYS[15] held            sorted set: lane\0until claimed
-- KEYS[16] leases          hash: the same -> how many are left, fields
-- KEYS[17...]              the order list of each tenant, then the fresh list and
--                          the history list of each lane
-- ARGV[1]  'old': what ended long ago; 'bodies': only its bodies; 'all': whatever
--          stands in the order list of the first tenant
-- ARGV[2]  how long ago
-- ARGV[3]  how many events at most
-- ARGV[4]  number of tenants
-- ARGV[5...] the tenants, then the lanes, aligned with KEYS
--
-- Returns {events, more, (id, reservation)...}: how many went; 1 if there may be
-- more that the keys did not cover; and the ids, as in KEYS[11], of those that
-- another shard points to.
local meta, rows, timed, counts, lanes, tenants = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local open, heads, bodies, order, ids, attemptsKey, ended, bare = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local held, leases = KEYS[15], KEYS[16]
local mode, limit, tenantCount = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock(meta)
local before = now - tonumber(ARGV[2])
local knownTenants, knownLanes = {}, {}
for i = 1, tenantCount do knownTenants[ARGV[4 + i]] = true end
for i = 5 + tenantCount, #ARGV do knownLanes[ARGV[i]] = true end
call('HDEL', meta, '') -- see claim

local events, more, foreign = 0, 0, {}
local changes = tally()
-- What is to be deleted or rewritten, so that each is one call.
local goneRows, goneAttempts, goneTimed, goneNumbers, goneIds, cutAttempts, cutRows, emptied = {}, {}, {}, {}, {}, {}, {}, {}
local removed = {}

-- attemptsOf adds the names of a row's attempts to a list, but for the one that it
-- carries.
local function attemptsOf(r, list)
  for i = 1, r.attempts - (r.last and 1 or 0) do list[#list + 1] = r.field .. pack('>I3', i) end
  return list
end

-- covered tells whether the keys of an event were declared.
local function covered(tenant, found)
  if not knownTenants[tenant] then return false end
  for _, r in ipairs(found) do
    if not knownLanes[r.lane] then return false end
  end
  return true
end

local function removeEvent(number, tenant, id, found)
  for _, r in ipairs(found) do
    goneRows[#goneRows + 1] = r.field
    attemptsOf(r, goneAttempts)
    if r.state == 1 and r.grouped then
      unqueue(timed, held, leases, r)
    elseif r.state == 1 and not r.short then
      goneTimed[#goneTimed + 1] = memberOf(r.lane, r.visible, r.field)
    end
    move(changes, r.lane .. '\0' .. tenant, r.state, 0)
  end
  goneNumbers[#goneNumbers + 1] = number
  goneIds[#goneIds + 1] = tenant .. '\0' .. id
  removed[number] = true
end

-- cut takes the body off an attempt.
local function cut(attempt)
  local flags, len = unpackBytes('>BI4', attempt)
  return string.char(band(flags, 251)) .. attempt:sub(2, 5 + len)
end

local function emptyEvent(number, found)
  emptied[#emptied + 1] = number
  for _, r in ipairs(found) do
    local fields = attemptsOf(r, {})
    for i, a in ipairs(hmget(attemptsKey, fields)) do
      if a then
        cutAttempts[#cutAttempts + 1] = fields[i]
        cutAttempts[#cutAttempts + 1] = cut(a)
      end
    end
    if r.last then
      r.last = cut(r.last)
      cutRows[#cutRows + 1] = r.field
      cutRows[#cutRows + 1] = writeRow(r)
    end
  end
end

-- visit reads the events of entries and their rows together, and calls f for each
-- entry until that returns false. It returns how many were passed.
local function visit(entries, f)
  local numbers = {}
  for i, entry in ipairs(entries) do numbers[i] = entry:sub(1, 7) end
  local found = hmget(heads, numbers)
  local fields, counted, last = {}, {}, #entries
  for i = 1, #entries do
    local k = #entries[i] ~= 16 or mode ~= 'all'
    k = k and found[i] and unpackBytes('>I3', found[i], 2) or 0
    if i > 1 and #fields + k > 5000 then
      last, more = i - 1, 1
      break
    end
    counted[i] = k
    for j = 0, k - 1 do fields[#fields + 1] = numbers[i] .. pack('>H', j) end
  end
  local raws = hmget(rows, fields)
  local at = 0
  for i = 1, last do
    local of = {}
    for j = 1, counted[i] do
      if raws[at + j] then of[#of + 1] = readRow(fields[at + j], raws[at + j]) end
    end
    at = at + counted[i]
    if not f(entries[i], numbers[i], found[i], of) then return i - 1 end
  end
  return last
end

if mode == 'all' then
  local list = KEYS[17]
  local entries = call('LRANGE', list, 0, limit - 1)
  local passed = visit(entries, function(entry, number, head, found)
    -- The entry of a delivery that was made later goes with its event.
    if #entry == 7 and head and not removed[number] then
      local _, _, tenant, id = unpackBytes(HEAD, head)
      if not covered(tenant, found) then
        more = 1
        return false
      end
      removeEvent(number, tenant, id, found)
      events = events + 1
    end
    return true
  end)
  if passed > 0 then
    call('LTRIM', list, passed, -1)
    if events == 0 then more = 1 end
  end
else
  -- Both lists are in the order in which events ended; so they are merged.
  local a, b = call('LRANGE', ended, 0, limit - 1), mode == 'old' and call('LRANGE', bare, 0, limit - 1) or {}
  local entries, fromBare = {}, {}
  local i, j = 1, 1
  while #entries < limit do
    local timeA, timeB = a[i] and unpackBytes('>I7', a[i], 8), b[j] and unpackBytes('>I7', b[j], 8)
    if timeA and timeA < before and (not timeB or timeA <= timeB) then
      entries[#entries + 1] = a[i]
      i = i + 1
    elseif timeB and timeB < before then
      entries[#entries + 1] = b[j]
      fromBare[#entries] = true
      j = j + 1
    else
      break
    end
  end
  local kept = {}
  local passed = visit(entries, function(entry, number, head, found)
    local pending = false
    local changed = unpackBytes('>I7', number)
    for _, r in ipairs(found) do
      if r.state == 1 then pending = true end
      changed = math.max(changed, r.updated)
    end
    -- What is pending again, or changed since, was requeued; a later entry tells
    -- when it ends then.
    if head and not pending and changed < before and (mode == 'bodies' or not removed[number]) then
      local _, _, tenant, id = unpackBytes(HEAD, head)
      if not covered(tenant, found) then
        more = 1
        return false
      end
      if mode == 'bodies' then
        -- One that has ended twice is emptied once, and keeps both entries: it is
        -- the last one that tells when it is old.
        kept[#kept + 1] = entry
        if not removed[number] and call('HEXISTS', bodies, number) == 1 then
          emptyEvent(number, found)
          removed[number] = true
          events = events + 1
        end
      else
        removeEvent(number, tenant, id, found)
        events = events + 1
      end
    end
    return true
  end)
  local passedBare = 0
  for n = 1, passed do
    if fromBare[n] then passedBare = passedBare + 1 end
  end
  if passed > passedBare then call('LTRIM', ended, passed - passedBare, -1) end
  if passedBare > 0 then call('LTRIM', bare, passedBare, -1) end
  each('RPUSH', bare, kept, 4000)
  if passed > 0 and events == 0 then more = 1 end
end
each('HDEL', bodies, emptied, 4000)
each('HSET', attemptsKey, cutAttempts, 1000)
each('HSET', rows, cutRows, 1000)
each('HDEL', attemptsKey, goneAttempts, 4000)
each('ZREM', timed, goneTimed, 4000)
each('HDEL', rows, goneRows, 4000)
each('HDEL', open, goneNumbers, 4000)
each('HDEL', bodies, goneNumbers, 4000)
each('HDEL', heads, goneNumbers, 4000)
local ownIds = {}
for i, v in ipairs(hmget(ids, goneIds)) do
  if v and v:sub(1, 7) == goneNumbers[i] then
    ownIds[#ownIds + 1] = goneIds[i]
    if #v == 15 then
      foreign[#foreign + 1] = goneIds[i]
      foreign[#foreign + 1] = v:sub(8)
    end
  end
end
each('HDEL', ids, ownIds, 4000)
writeTally(changes, counts, lanes, tenants)

-- The lists that lead to what is gone are shortened from the front.
local function trim(list, alive)
  for _ = 1, 5 do
    local entries = call('LRANGE', list, 0, 199)
    if #entries == 0 then return end
    local dead = alive(entries)
    if dead > 0 then call('LTRIM', list, dead, -1) end
    if dead < #entries then return end
  end
end

-- These return how many entries in front are of no use any more.
local function deadEntries(entries)
  for i, entry in ipairs(entries) do
    local number = #entry == 16 and entry:sub(8, 14) or entry:sub(1, 7)
    if not removed[number] then
      local lives
      if #entry == 7 then lives = call('HEXISTS', heads, entry) else lives = call('HEXISTS', rows, entry:sub(-9)) end
      if lives == 1 then return i - 1 end
    end
  end
  return #entries
end

local function outdated(entries)
  for i, entry in ipairs(entries) do
    local raw = not removed[entry:sub(1, 7)] and call('HGET', rows, entry)
    if raw and band(raw:byte(1), SHORT) ~= 0 then return i - 1 end
  end
  return #entries
end

if mode ~= 'bodies' and events > 0 then
  trim(order, deadEntries)
  for i = 1, tenantCount do trim(KEYS[16 + i], deadEntries) end
  for i = 17 + tenantCount, #KEYS, 2 do
    trim(KEYS[i], outdated)
    trim(KEYS[i + 1], deadEntries)
  end
end
local result = { events, more }
for _, v in ipairs(foreign) do result[#result + 1] = v end
return result
