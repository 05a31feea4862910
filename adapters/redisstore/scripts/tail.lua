-- tail tells the lanes with deliveries that were inserted after a mark.
--
-- KEYS[1]  meta
-- KEYS[2]  order           list: n, or created and field, in the order of creation
-- KEYS[3]  heads           hash: n -> head
-- KEYS[4]  rows            hash: field -> row
-- ARGV[1]  the mark: a time of creation, '' for the present end
-- ARGV[2]  the mark: how many deliveries of what was created then are behind it
-- ARGV[3]  how many lanes to tell at most
--
-- Returns {now, created, deliveries, behind, lane...}: the next mark, and 1 if
-- there is more.
local meta, order, heads, rows = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, last = clock(meta)
if ARGV[1] == '' then return { now, last, 65535, 0 } end
local created, index, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lanes, seen = {}, {}
local looked = 0

local function done(behind)
  local result = { now, created, index, behind }
  for i, lane in ipairs(lanes) do result[i + 4] = lane end
  return result
end

-- look enters a lane; false if there is no room for it.
local function look(raw)
  looked = looked + 1
  if not raw then return true end
  local lane = laneOf(raw)
  if seen[lane] then return true end
  if #lanes >= limit then return false end
  seen[lane] = true
  lanes[#lanes + 1] = lane
  return true
end

if last < created or last == created and index == 65535 then return done(0) end
local at = lowerBound(order, created)
while true do
  local entries = call('LRANGE', order, at, at + 99)
  if #entries == 0 then
    if last > created then created, index = last, 65535 end
    return done(0)
  end
  for _, entry in ipairs(entries) do
    if looked > 4000 then return done(1) end
    local c = unpackBytes('>I7', entry)
    local from = c == created and index or 0
    if #entry > 7 then
      if from == 0 and not look(call('HGET', rows, entry:sub(8))) then return done(1) end
      created, index = c, 65535
    else
      local head = call('HGET', heads, entry)
      local k = head and unpackBytes('>I3', head, 2) or 0
      local fields = {}
      for i = from, k - 1 do fields[#fields + 1] = entry .. pack('>H', i) end
      for i, raw in ipairs(hmget(rows, fields)) do
        if not look(raw) then
          created, index = c, from + i - 1
          return done(1)
        end
      end
      created, index = c, 65535
    end
  end
  at = at + #entries
end
