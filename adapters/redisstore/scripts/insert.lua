-- insert stores events with their deliveries: all that are new, or none.
--
-- KEYS[1]  meta            the shard's clock and bounds
-- KEYS[2]  ids             hash: tenant\0id -> n, or a pointer to another shard
-- KEYS[3]  heads           hash: n -> head
-- KEYS[4]  bodies          hash: n -> body
-- KEYS[5]  open            hash: n -> number of pending deliveries, tenant; not for
--                          an event with a single delivery
-- KEYS[6]  rows            hash: field -> row
-- KEYS[7]  order           list: n, in the order of creation
-- KEYS[8]  ended           list: n and when its last delivery ended
-- KEYS[9]  lanes           sorted set: lane\0tenant with pending deliveries
-- KEYS[10] tenants         sorted set: tenant\0lane with deliveries
-- KEYS[11] counts          hash: state lane\0tenant -> number
-- KEYS[12] aborted         hash: reservations that must not be used any more
-- KEYS[13] timed           sorted set: lane\0visible field
-- KEYS[14...]              the order list of each tenant, then the fresh list and
--                          the history list of each lane, as named by ARGV
-- ARGV[1]  channel to publish on, '' for none
-- ARGV[2]  the message
-- ARGV[3]  number of tenants
-- ARGV[4]  number of lanes
-- ARGV[5...] the lanes; then for each event: the index of its tenant, the tenant,
--          the id, the reservation (its nonce in 8 bytes and its time in 7; '' if
--          the event is at home here), head, body, the earliest time of delivery
--          (0: now), and the indexes of its lanes in 2 bytes each
--
-- Returns {'stored', result...}, with n for an event that was stored and
-- {n, head, lanes, reservation} for one that exists; or {'pointer', index,
-- pointer, age} if an id points to another shard, or {'aborted'}, and nothing was
-- stored.
local meta, ids, heads, bodies, open, rows, order, ended = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local lanes, tenants, counts, aborted, timed = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local tenantLists, laneLists = 13, 13 + ARGV[3]
local laneArgs, eventArgs = 4, 4 + ARGV[4]
local PER_EVENT = 8
local n = (#ARGV - eventArgs) / PER_EVENT

local t = call('TIME')
local time = t[1] * 1000000 + t[2]
local known = call('HMGET', meta, 'last', 'big')
local last, big = tonumber(known[1] or 0), tonumber(known[2] or 0)

local fields = {}
for e = 1, n do
  local at = eventArgs + (e - 1) * PER_EVENT
  fields[e] = ARGV[at + 2] .. '\0' .. ARGV[at + 3]
  local reservation = ARGV[at + 4]
  if reservation ~= '' then
    local made = unpackBytes('>I7', reservation, 9)
    if math.abs(math.max(time, last) - made) > 60000000 or call('HEXISTS', aborted, reservation:sub(1, 8)) == 1 then
      return { 'aborted' }
    end
  end
end
local stored = hmget(ids, fields)
for e = 1, n do
  if stored[e] and #stored[e] == 17 then
    return { 'pointer', e, stored[e]:sub(1, 10), time - unpackBytes('>I7', stored[e], 11) }
  end
end

local created = time > last and time or last + 1
local results = { 'stored' }
local newIds, newHeads, newBodies, newOpen, newRows, newTimed, numbers, done = {}, {}, {}, {}, {}, {}, {}, {}
local byTenant, fresh, history = {}, {}, {}
local changes = tally()
for e = 1, n do
  if stored[e] then
    local number = stored[e]:sub(1, 7)
    local head = call('HGET', heads, number)
    local refs = {}
    if head then
      local k = unpackBytes('>I3', head, 2)
      local of = {}
      for i = 0, k - 1 do of[i + 1] = number .. pack('>H', i) end
      for i, raw in ipairs(hmget(rows, of)) do refs[i] = raw and laneOf(raw) or '' end
    end
    results[e + 1] = { unpackBytes('>I7', number), head or '', refs, stored[e]:sub(8) }
  else
    local at = eventArgs + (e - 1) * PER_EVENT
    local tenantList, tenant, head, body = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 5], ARGV[at + 6]
    local visible, indexes = tonumber(ARGV[at + 7]), ARGV[at + 8]
    local number = pack('>I7', created)
    newIds[#newIds + 1] = fields[e]
    newIds[#newIds + 1] = number .. ARGV[at + 4]:sub(1, 8)
    newHeads[#newHeads + 1] = number
    newHeads[#newHeads + 1] = head
    newBodies[#newBodies + 1] = number
    newBodies[#newBodies + 1] = body
    if #body > big then big = #body end
    numbers[#numbers + 1] = number
    local of = byTenant[tenantList]
    if not of then
      of = {}
      byTenant[tenantList] = of
    end
    of[#of + 1] = number
    local k = #indexes / 2
    if k == 0 then
      done[#done + 1] = number .. number
    elseif k > 1 then
      newOpen[#newOpen + 1] = number
      newOpen[#newOpen + 1] = pack('>I3', k) .. tenant
    end
    local sole, rest = 0, ''
    if k == 1 then sole, rest = SOLE, tenant .. pack('>H', #tenant) end
    for i = 0, k - 1 do
      local l = unpackBytes('>H', indexes, 2 * i + 1)
      local lane = ARGV[laneArgs + l]
      local f = number .. pack('>H', i)
      newRows[#newRows + 1] = f
      if visible <= created then
        newRows[#newRows + 1] = string.char(1 + SHORT + sole, #lane) .. lane .. rest
        if not fresh[l] then fresh[l] = {} end
        fresh[l][#fresh[l] + 1] = f
      else
        newRows[#newRows + 1] = pack(ROW, 1 + sole, 1, 0, 0, 0, 0, 0, visible, created, 0, 0, '', #lane, lane, 0) .. rest
        newTimed[#newTimed + 1] = '0'
        newTimed[#newTimed + 1] = memberOf(lane, visible, f)
      end
      if not history[l] then history[l] = {} end
      history[l][#history[l] + 1] = f
      move(changes, lane .. '\0' .. tenant, 0, 1)
    end
    results[e + 1] = created
    last = created
    created = created + 1
  end
end

-- The first write is one that Redis refuses if memory is short.
call('HSET', meta, 'last', string.format('%.0f', last), 'big', big)
if #numbers == 0 then return results end
each('HSET', ids, newIds, 4000)
each('HSET', heads, newHeads, 4000)
each('HSET', bodies, newBodies, 4000)
each('HSET', open, newOpen, 4000)
each('HSET', rows, newRows, 4000)
each('RPUSH', order, numbers, 4000)
each('RPUSH', ended, done, 4000)
each('ZADD', timed, newTimed, 4000)
for i, of in pairs(byTenant) do each('RPUSH', KEYS[tenantLists + i], of, 4000) end
for l, of in pairs(fresh) do each('RPUSH', KEYS[laneLists + 2 * l - 1], of, 4000) end
for l, of in pairs(history) do each('RPUSH', KEYS[laneLists + 2 * l], of, 4000) end
writeTally(changes, counts, lanes, tenants)
if ARGV[1] ~= '' then call('PUBLISH', ARGV[1], ARGV[2]) end
return results
