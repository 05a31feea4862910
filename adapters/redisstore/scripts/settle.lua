-- settle stores outcomes with their attempts.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  leases          hash: the same -> how many are left, fields
-- KEYS[6]  attempts        hash: field, number in 3 bytes -> attempt
-- KEYS[7]  counts          hash: state lane\0tenant -> number
-- KEYS[8]  lanes           sorted set: lane\0tenant with pending deliveries
-- KEYS[9]  tenants         sorted set: tenant\0lane with deliveries
-- KEYS[10] open            hash: n -> number of pending deliveries, tenant
-- KEYS[11] ended           list: n and when its last delivery ended
-- ARGV     for each outcome: field, token, state, 1 for an attempt plus 2 for a
--          free one, delay, status and reason in binary; and the attempt, or ''
--
-- Returns a string with a byte for each outcome: 0 stored, 1 lost, 2 stored before.
local meta, rows, timed, held, leases, attemptsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local counts, lanes, tenants, open, ended = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now = clock(meta)
call('HDEL', meta, '') -- see claim

local n = #ARGV / 2
local fields = {}
for o = 1, n do fields[o] = ARGV[2 * o - 1]:sub(1, 9) end
local current = hmget(rows, fields)
local latest = {}
for o = 1, n do latest[fields[o]] = current[o] end

-- A row may carry an attempt of so many bytes; it is read with every list.
local SMALL = 1024

-- outcomeOf judges an outcome, given a row and what the outcome says beside its
-- field. It returns a table with the fate; and if that is 0, the new row, and what
-- has to be done besides.
local function outcomeOf(raw, said)
  if not raw or band(raw:byte(1), SHORT) ~= 0 then return { fate = '\1' } end
  raw = apart(raw)
  local wantToken, newState, kind, delay, newStatus, newReason = unpackBytes('>I4BBI7HBc0', said)
  local flags, token, attempts, tries, expiries, interrupted, status, visible, _, delivered, reason, lane, base, at = unpackBytes(ROW, raw)
  -- What a row ends with: the time of creation, or the tenant.
  local map, rest, tenant = raw:sub(at), '', nil
  if band(flags, SOLE) ~= 0 then
    local len = unpackBytes('>H', map, #map - 1)
    rest = map:sub(-2 - len)
    tenant = rest:sub(1, len)
    map = map:sub(1, -3 - len)
  elseif band(flags, EXTRA) ~= 0 then
    rest = map:sub(-7)
    map = map:sub(1, -8)
  end
  local bitAt = wantToken - 2 - base * 512
  if band(flags, 15) ~= 1 + CLAIMED or token ~= wantToken then
    local b = bitAt >= 0 and map:byte(floor(bitAt / 8) + 1)
    return { fate = b and band(b, 2 ^ (bitAt % 8)) ~= 0 and '\2' or '\1' }
  end
  local r = { fate = '\0', lane = lane, tenant = tenant, state = newState }
  if band(flags, GROUPED) ~= 0 then
    r.lease = leaseOf(lane, timesOf(raw))
  else
    r.visible = visible
  end
  if kind >= 1 then
    attempts = attempts + 1
    if kind == 1 then tries = tries + 1 end
    expiries, status = 0, newStatus
    r.attempt = pack('>I3', attempts)
  end
  if newReason ~= '' then reason = newReason end
  if newState == 2 and delivered == 0 then delivered = now end
  -- Note that this token was settled. Of very many tokens the oldest 512 are
  -- forgotten.
  while bitAt >= 1024 do
    map, base, bitAt = map:sub(65), base + 1, bitAt - 512
  end
  local byteAt = floor(bitAt / 8)
  local b = 2 ^ (bitAt % 8)
  if #map <= byteAt then
    map = map .. string.rep('\0', byteAt - #map) .. string.char(b)
  else
    map = map:sub(1, byteAt) .. string.char(bor(map:byte(byteAt + 1), b)) .. map:sub(byteAt + 2)
  end
  if newState == 1 then
    r.again = math.min(now + delay, FOREVER)
  end
  r.row = pack(ROW, band(flags, EXTRA + SOLE) + newState, token, attempts, tries, expiries, interrupted, status, r.again or 0, now,
    delivered, #reason, reason, #lane, lane, base) .. map .. rest
  r.carrier = string.char(r.row:byte(1) + LAST) .. r.row:sub(2)
  return r
end

local fates = {}
local gone, newTimed, newAttempts = {}, {}, {}
local changed, order = {}, {}
local finished, events, closing = {}, {}, {}
local leaseNames, left = {}, {}
local changes = tally()
-- What is the same in row and outcome is judged once: most of what a claim took
-- together, if it is all delivered.
local judged = {}
for o = 1, n do
  local f, said = fields[o], ARGV[2 * o - 1]:sub(10)
  local raw = latest[f]
  local like = said .. (raw or '')
  local r = judged[like]
  if not r then
    r = outcomeOf(raw, said)
    judged[like] = r
  end
  fates[o] = r.fate
  if r.row then
    local attempt = r.attempt and ARGV[2 * o]
    if attempt and not r.again and #attempt <= SMALL then
      latest[f] = r.carrier .. attempt .. pack('>I3', #attempt)
    else
      latest[f] = r.row
      if attempt then
        newAttempts[#newAttempts + 1] = f .. r.attempt
        newAttempts[#newAttempts + 1] = attempt
      end
    end
    if not changed[f] then
      changed[f] = true
      order[#order + 1] = f
    end
    if r.visible then
      gone[#gone + 1] = memberOf(r.lane, r.visible, f)
    else
      if not left[r.lease] then leaseNames[#leaseNames + 1] = r.lease end
      left[r.lease] = (left[r.lease] or 0) + 1
    end
    local number = f:sub(1, 7)
    if r.again then
      newTimed[#newTimed + 1] = '0'
      newTimed[#newTimed + 1] = memberOf(r.lane, r.again, f)
    elseif r.tenant then
      move(changes, r.lane .. '\0' .. r.tenant, 1, r.state)
      finished[#finished + 1] = number .. pack('>I7', now)
    else
      local c = closing[number]
      if not c then
        c = {}
        closing[number] = c
        events[#events + 1] = number
      end
      c[#c + 1] = r.lane
      c[#c + 1] = r.state
    end
  end
end

local newRows = {}
for i, f in ipairs(order) do
  newRows[2 * i - 1], newRows[2 * i] = f, latest[f]
end
each('ZREM', timed, gone, 4000)
if #leaseNames > 0 then
  local numbers = {}
  for i, name in ipairs(leaseNames) do numbers[i] = left[name] end
  leave(held, leases, leaseNames, numbers)
end
each('HSET', rows, newRows, 4000)
each('HSET', attemptsKey, newAttempts, 4000)
each('ZADD', timed, newTimed, 4000)
if #events > 0 then
  local newOpen, closed = {}, {}
  for i, o in ipairs(hmget(open, events)) do
    local number = events[i]
    local c = closing[number]
    if o then
      local left = unpackBytes('>I3', o) - #c / 2
      local tenant = o:sub(4)
      for j = 1, #c, 2 do move(changes, c[j] .. '\0' .. tenant, 1, c[j + 1]) end
      if left > 0 then
        newOpen[#newOpen + 1] = number
        newOpen[#newOpen + 1] = pack('>I3', left) .. tenant
      else
        closed[#closed + 1] = number
        finished[#finished + 1] = number .. pack('>I7', now)
      end
    end
  end
  each('HSET', open, newOpen, 4000)
  each('HDEL', open, closed, 4000)
end
each('RPUSH', ended, finished, 4000)
writeTally(changes, counts, lanes, tenants)
return table.concat(fates)
