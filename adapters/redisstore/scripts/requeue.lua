-- requeue makes deliveries pending and visible now, and makes those that are
-- missing; all of them, or none.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  leases          hash: the same -> how many are left, fields
-- KEYS[6]  counts          hash: state lane\0tenant -> number
-- KEYS[7]  lanes           sorted set: lane\0tenant with pending deliveries
-- KEYS[8]  tenants         sorted set: tenant\0lane with deliveries
-- KEYS[9]  open            hash: n -> number of pending deliveries, tenant
-- KEYS[10] heads           hash: n -> head
-- KEYS[11] bodies          hash: n -> body
-- KEYS[12] order           list: n, or created and field, in the order of creation
-- KEYS[13] attempts        hash: field, number in 3 bytes -> attempt
-- KEYS[14...]              for each item with a lane: the order list of its tenant
--                          and the history list of the lane
-- ARGV[1]  1: change nothing, only tell
-- ARGV[2...] for each item: a field or n in 7 bytes, the tenant, the states to
--          which it is restricted as a sum of 2^state (0: any), and the lane,
--          '' if the item is a field
--
-- Returns {result, field, lane, state before} for each item, one after another.
local meta, rows, timed, held, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local counts, lanes, tenants = KEYS[6], KEYS[7], KEYS[8]
local open, heads, bodies, order, attemptsKey = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local dry = ARGV[1] == '1'
local now, last = clock(meta)
local created = now > last and now or last + 1

-- What the run would find is kept here until all is judged, so that a dry run is
-- the same without the end.
local cache, touched, headCache, tenantCache, hasBody = {}, {}, {}, {}, {}
local changes, opened, newOrder = tally(), {}, {}

local function rowAt(f)
  if cache[f] == nil then
    local raw = call('HGET', rows, f)
    cache[f] = raw and readRow(f, raw) or false
  end
  return cache[f]
end

local function headAt(number)
  if headCache[number] == nil then
    local head = call('HGET', heads, number)
    headCache[number] = head
    if head then
      local _, _, tenant = unpackBytes(HEAD, head)
      tenantCache[number] = tenant
      hasBody[number] = call('HEXISTS', bodies, number) == 1
    end
  end
  return headCache[number]
end

local function touch(r)
  if not r.touched then
    r.touched = true
    touched[#touched + 1] = r
  end
end

-- remember keeps how a pending row is queued before it is changed.
local function remember(r)
  if r.made or r.queued then return end
  r.queued = { short = r.short, grouped = r.grouped, lane = r.lane, visible = r.visible, updated = r.updated, field = r.field }
end

local result = {}
local nextKey = 13
for a = 2, #ARGV, 4 do
  local number, tenant, only, lane = ARGV[a]:sub(1, 7), ARGV[a + 1], tonumber(ARGV[a + 2]), ARGV[a + 3]
  local tenantOrder, history
  if lane ~= '' then
    tenantOrder, history = KEYS[nextKey + 1], KEYS[nextKey + 2]
    nextKey = nextKey + 2
  end
  local head = headAt(number)
  local r = false
  if head and tenantCache[number] == tenant then
    if lane == '' then
      r = rowAt(ARGV[a])
    else
      for i = 0, unpackBytes('>I3', head, 2) - 1 do
        local other = rowAt(number .. pack('>H', i))
        if other and other.lane == lane then r = other end
      end
    end
  else
    head = false
  end
  local fate, f, was = 4, '', 0
  if r then
    f, was, lane = r.made and dry and '' or r.field, r.state, r.lane
    if only > 0 and band(only, 2 ^ r.state) == 0 then
      fate = 3
    elseif not hasBody[number] then
      fate = 5
    else
      fate = 1
      if r.state ~= 1 then
        move(changes, r.lane .. '\0' .. tenant, r.state, 1)
        if not r.sole then opened[number] = (opened[number] or 0) + 1 end
      else
        remember(r)
      end
      r.state, r.claimed, r.short = 1, false, false
      r.token, r.tries, r.expiries, r.reason = r.token + 1, 0, 0, ''
      r.visible, r.updated = now, now
      touch(r)
    end
  elseif head and lane ~= '' then
    if not hasBody[number] then
      fate, lane = 5, ''
    else
      fate = 2
      local k = unpackBytes('>I3', head, 2)
      if k >= 65535 then return redis.error_reply('TOOMANY an event can have 65535 deliveries') end
      local other = k == 1 and rowAt(number .. pack('>H', 0))
      if other and other.sole then -- not any more
        if other.state == 1 then
          remember(other)
          opened[number] = (opened[number] or 0) + 1
        end
        other.sole, other.short = false, false
        touch(other)
      end
      headCache[number] = head:sub(1, 1) .. pack('>I3', k + 1) .. head:sub(5)
      r = { field = number .. pack('>H', k), n = 0, i = k, state = 1, extra = true, made = true, token = 1,
        attempts = 0, tries = 0, expiries = 0, interrupted = 0, status = 0, visible = created, updated = created,
        delivered = 0, reason = '', lane = lane, base = 0, map = '', created = pack('>I7', created) }
      cache[r.field] = r
      f = dry and '' or r.field
      touch(r)
      move(changes, lane .. '\0' .. tenant, 0, 1)
      opened[number] = (opened[number] or 0) + 1
      local entry = r.created .. r.field
      newOrder[#newOrder + 1] = { order, tenantOrder, history, entry, number }
      last = created
      created = created + 1
      if now < last then now = last end
    end
  else
    lane = ''
  end
  local at = #result
  result[at + 1], result[at + 2], result[at + 3], result[at + 4] = fate, f, lane, was
end
if dry then return result end

call('HDEL', meta, '') -- see claim
call('HSET', meta, 'last', string.format('%.0f', last))
for _, o in ipairs(newOrder) do
  for list = 1, 3 do call('RPUSH', o[list], o[4]) end
  call('HSET', heads, o[5], headCache[o[5]])
end
for _, r in ipairs(touched) do
  if r.last and r.state == 1 then
    call('HSET', attemptsKey, r.field .. pack('>I3', r.attempts), r.last)
    r.last = nil
  end
  if r.queued then unqueue(timed, held, leases, r.queued) end
  call('HSET', rows, r.field, writeRow(r))
  if r.state == 1 then call('ZADD', timed, 0, memberOf(r.lane, r.visible, r.field)) end
end
for number, n in pairs(opened) do
  local o = call('HGET', open, number)
  local left = o and unpackBytes('>I3', o) or 0
  call('HSET', open, number, pack('>I3', left + n) .. tenantCache[number])
end
writeTally(changes, counts, lanes, tenants)
return result
