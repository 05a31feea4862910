-- claim leases deliveries that are visible, lane by lane, the earliest first.
--
-- KEYS[1]  meta
-- KEYS[2]  versions        hash: endpoint -> created, revision, status
-- KEYS[3]  rows            hash: field -> row
-- KEYS[4]  timed           sorted set: lane\0visible field
-- KEYS[5]  heads           hash: n -> head
-- KEYS[6]  bodies          hash: n -> body
-- KEYS[7]  held            sorted set: lane\0until claimed
-- KEYS[8]  leases          hash: the same -> how many are left, fields
-- KEYS[9...]               the fresh list of each lane
-- ARGV[1]  length of the lease
-- ARGV[2]  how many to take at most
-- ARGV[3]  how many bytes of bodies to take at most, 0 for no bound
-- ARGV[4]  1: the first delivery is taken whatever its size
-- ARGV[5]  when the leases end, which makes the time that of their beginning; 0:
--          the length of the lease from now
-- ARGV[6...] for each lane: the lane, how many to take of it, and the last entry
--          to take (visible and field, 16 bytes), '' for no such bound
--
-- Returns {now, deliveries, events, visited, versions, short}: deliveries as
-- field, length in 2 bytes, row, one after another, with bit 15 of the length set
-- for a lease that had run out; events as n, head, body; visited as the next time
-- of each lane that was looked at, 0 for none; the versions of these lanes'
-- endpoints; and 1 if outdated entries were met, so that a bounded claim may
-- have taken less than there is.
local meta, versions, rows, timed, heads, bodies = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local held, leases = KEYS[7], KEYS[8]
local lease, max, maxBytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ARGS, LISTS = 5, 8
-- Fewer of one lane have entries of their own.
local SEVERAL = 3
local count = (#ARGV - ARGS) / 3

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local known = call('HMGET', meta, 'last', 'big')
local last = tonumber(known[1] or 0)
if last > now then now = last end
local untilTime = tonumber(ARGV[5])
if untilTime == 0 then untilTime = math.min(now + lease, FOREVER) end
now = math.max(now, untilTime - lease)
-- The bodies need to be measured only if they could reach the bound.
local measure = maxBytes > 0 and max * tonumber(known[2] or 0) > maxBytes
-- A write that needs no memory comes first: Redis then lets the others pass even
-- if memory is short.
call('HDEL', meta, '')

local names = {}
for l = 1, count do names[l] = ARGV[ARGS + 3 * l - 2] end
local version = hmget(versions, names)

local taken, full, outdated, bytes = 0, false, 0, 0
local first = ARGV[4] == '1'
local out, newRows, newTimed, events, seen = {}, {}, {}, {}, {}
local times = pack('>I7I7', untilTime, now)
local untilBytes = times:sub(1, 7)
local someHeld = call('EXISTS', held) == 1
local visited = 0

-- fits tells whether the body of event n may be in the batch, and enters it.
local function fits(number)
  if seen[number] then return true end
  if measure then
    local size = call('HSTRLEN', bodies, number)
    if bytes + size > maxBytes and not first then return false end
    bytes = bytes + size
  end
  seen[number] = true
  events[#events + 1] = number
  return true
end

-- leased returns a row under its new lease, and the same with its length, as it is
-- shown. Rows that were never touched are mostly the same in all of a lane, so they
-- are made once.
local BEFORE, AFTER = pack('>I4I3I3I2I3H', 2, 0, 0, 0, 0, 0), string.rep('\0', 8)
local made, shown = {}, {}
local function leased(raw, group)
  if made[raw] then return made[raw], shown[raw] end
  local flags = raw:byte(1)
  if band(flags, SHORT) ~= 0 then
    local len = raw:byte(2)
    local new = string.char(bor(1 + CLAIMED + group, band(flags, SOLE))) .. BEFORE .. times .. AFTER .. raw:sub(2, 2 + len)
      .. '\0\0' .. raw:sub(3 + len)
    made[raw], shown[raw] = new, pack('>H', #new) .. new
    return new, shown[raw]
  end
  local _, token, attempts, tries, expiries, interrupted, status, _, _, delivered, reason, lane, base, at = unpackBytes(ROW, raw)
  local expired = 0
  if band(flags, CLAIMED) ~= 0 then
    expiries = math.min(expiries + 1, 65535)
    interrupted = interrupted + 1
    expired = 32768
  end
  local new = pack(ROW, bor(flags, CLAIMED + group), token + 1, attempts, tries, expiries, interrupted, status, untilTime, now, delivered,
    #reason, reason, #lane, lane, base) .. raw:sub(at)
  return new, pack('>H', #new + expired) .. new
end

-- enter leases what was picked of a lane: fields and rows, in turns.
local groups, groupNames = {}, {}
local function enter(lane, picked)
  local several = #picked >= 2 * SEVERAL
  local group, entry = several and GROUPED or 0, lane .. '\0' .. untilBytes
  local of = {}
  made, shown = {}, {}
  for i = 1, #picked, 2 do
    local f = picked[i]
    local new, show = leased(picked[i + 1], group)
    newRows[#newRows + 1] = f
    newRows[#newRows + 1] = new
    out[#out + 1] = f
    out[#out + 1] = show
    if several then
      of[#of + 1] = f
    else
      newTimed[#newTimed + 1] = '0'
      newTimed[#newTimed + 1] = entry .. f
    end
  end
  if not several then return end
  local name = leaseOf(lane, times)
  if not groups[name] then
    groups[name] = ''
    groupNames[#groupNames + 1] = name
  end
  groups[name] = groups[name] .. table.concat(of)
end

-- The next time of each lane, as far as it was seen on the way. A lane may be
-- named twice; then what was seen first does not last.
local nexts, met, twice = {}, {}, false

local function claimLane(l)
  local lane, n, cut = names[l], tonumber(ARGV[ARGS + 3 * l - 1]), ARGV[ARGS + 3 * l]
  local list = KEYS[LISTS + l]
  local want = math.min(n, max - taken)
  twice = twice or met[lane]
  met[lane] = true
  if want <= 0 then return end
  local cutVisible, cutNumber, cutIndex
  if cut ~= '' then cutVisible, cutNumber, cutIndex = unpackBytes('>I7I7H', cut) end

  -- Mostly nothing in the sets is due.
  local lease = someHeld and dissolve(rows, timed, held, leases, lane, now)
  local head, later = firstOf(timed, lane)
  local members, picked = {}, {}
  if head and later <= now then
    members = call('ZRANGEBYLEX', timed, '[' .. lane .. '\0', '[' .. lane .. '\0' .. pack('>I7', now) .. '\255', 'LIMIT', 0, want)
  end
  local fields = {}
  for i, m in ipairs(members) do fields[i] = m:sub(-9) end
  local timedRows = hmget(rows, fields)
  -- One more than is wanted, which is what the lane has next.
  local asked = want + 1
  local fresh = call('LRANGE', list, 0, asked - 1)
  local freshRows = hmget(rows, fresh)
  local consumed, stale, before = 0, 0, taken -- consumed and stale: of the list
  local ti, fi = 1, 1
  local gone = {}

  -- ofUse tells whether the next of the list is.
  local function ofUse() return freshRows[fi] and band(freshRows[fi]:byte(1), SHORT) ~= 0 end

  -- take picks a delivery, if its body fits.
  local function take(f, raw)
    if not fits(f:sub(1, 7)) then return false end
    first = false
    picked[#picked + 1] = f
    picked[#picked + 1] = raw
    taken = taken + 1
    return true
  end

  while want > 0 do
    -- The next of the list that is of use.
    while true do
      if fi > #fresh and #fresh == asked then
        asked = math.max(want, 100)
        fresh = call('LRANGE', list, consumed, consumed + asked - 1)
        freshRows = hmget(rows, fresh)
        fi = 1
      end
      if not fresh[fi] or ofUse() then break end
      fi, consumed, stale = fi + 1, consumed + 1, stale + 1
      if stale > 20000 then
        full = true
        break
      end
    end
    if full then break end
    -- An entry of the set without its row is none.
    while members[ti] and not timedRows[ti] do
      gone[#gone + 1] = members[ti]
      ti = ti + 1
    end
    local visible, number, index, isFresh
    if members[ti] then visible, number, index = unpackBytes('>I7I7H', members[ti], #lane + 2) end
    if fresh[fi] then
      local a, b = unpackBytes('>I7H', fresh[fi])
      if a <= now and (not visible or a < visible or a == visible and (a < number or a == number and b < index)) then
        visible, number, index, isFresh = a, a, b, true
      end
    end
    if not visible then break end
    if cutVisible and (visible > cutVisible or visible == cutVisible and (number > cutNumber or number == cutNumber and index > cutIndex)) then break end
    if isFresh then
      if not take(fresh[fi], freshRows[fi]) then
        full = true
        break
      end
      fi, consumed = fi + 1, consumed + 1
    else
      if not take(fields[ti], timedRows[ti]) then
        full = true
        break
      end
      gone[#gone + 1] = members[ti]
      ti = ti + 1
    end
    want = want - 1
  end
  enter(lane, picked)
  if stale > 0 then outdated = 1 end
  if consumed > 0 then call('LTRIM', list, consumed, -1) end
  each('ZREM', timed, gone, 4000)

  -- What is next is known, unless some of the set was due, or what follows in the
  -- list was not read or is outdated.
  if #members > 0 or fresh[fi] and not ofUse() or not fresh[fi] and #fresh == asked then return end
  local next = later or 0
  if lease and (next == 0 or lease < next) then next = lease end
  if taken > before and (next == 0 or untilTime < next) then next = untilTime end
  if fresh[fi] then
    local a = unpackBytes('>I7', fresh[fi])
    if next == 0 or a < next then next = a end
  end
  nexts[l] = next
end

for l = 1, count do
  if full or taken >= max then break end
  visited = l
  if not (version[l] and version[l]:byte(14) == 2) then claimLane(l) end
end
each('HSET', rows, newRows, 4000)
each('ZADD', timed, newTimed, 4000)
if #groupNames > 0 then
  local newLeases, newHeld = {}, {}
  -- Two claims can have had the same time.
  local same = someHeld and hmget(leases, groupNames) or {}
  for i, name in ipairs(groupNames) do
    local fields, left = groups[name], #groups[name] / 9
    if same[i] then
      fields, left = same[i]:sub(4) .. fields, left + unpackBytes('>I3', same[i])
    end
    newLeases[2 * i - 1], newLeases[2 * i] = name, pack('>I3', left) .. fields
    newHeld[2 * i - 1], newHeld[2 * i] = '0', name
  end
  each('HSET', leases, newLeases, 4000)
  each('ZADD', held, newHeld, 4000)
end

local shownVersions = {}
for l = 1, visited do
  shownVersions[l] = version[l] or ''
  if version[l] and version[l]:byte(14) == 2 then
    nexts[l] = 0
  elseif twice or not nexts[l] then
    nexts[l] = headOf(timed, held, rows, KEYS[LISTS + l], names[l])
  end
end
local texts = {}
local headRows, bodyRows = hmget(heads, events), hmget(bodies, events)
for i, number in ipairs(events) do
  texts[3 * i - 2], texts[3 * i - 1], texts[3 * i] = number, headRows[i], bodyRows[i]
end
return { now, table.concat(out), texts, nexts, shownVersions, outdated }
