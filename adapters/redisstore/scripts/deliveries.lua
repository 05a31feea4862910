-- deliveries lists deliveries, newest first.
--
-- KEYS[1]  order           list of all, of a tenant, or the history of a lane
-- KEYS[2]  heads           hash: n -> head
-- KEYS[3]  rows            hash: field -> row
-- ARGV[1]  created before this, or then, if the index is below ARGV[2]
-- ARGV[2]  index
-- ARGV[3]  created not before this
-- ARGV[4]  how many at most
-- ARGV[5]  the state, '0' for any
-- ARGV[6]  the event's type, '' for any
-- ARGV[7]  1: of the tenant ARGV[8] only
-- ARGV[8]  the tenant
--
-- Returns {created, index, (field, row, tenant, event, type)...}: the first two
-- are where to go on, 0 at the end.
local order, heads, rows = KEYS[1], KEYS[2], KEYS[3]
local before, index, from, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state, eventType, oneTenant, tenant = tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1', ARGV[8]
local result, looked = { 0, 0 }, 0
local full = 2 + 5 * limit

local function add(f, raw, head)
  looked = looked + 1
  if not raw or not head then return end
  if state ~= 0 and band(raw:byte(1), 7) ~= state then return end
  local _, _, t, id, ty = unpackBytes(HEAD, head)
  if eventType ~= '' and ty ~= eventType or oneTenant and t ~= tenant then return end
  local n = #result
  result[n + 1], result[n + 2], result[n + 3], result[n + 4], result[n + 5] = f, apart(raw), t, id, ty
end

local at = lowerBound(order, before + (index > 0 and 1 or 0)) - 1
while at >= 0 do
  local low = math.max(at - 49, 0)
  local entries = call('LRANGE', order, low, at)
  local numbers, fields = {}, {}
  for i, entry in ipairs(entries) do
    numbers[i] = #entry == 16 and entry:sub(8, 14) or entry:sub(1, 7)
    fields[i] = #entry == 7 and entry or entry:sub(-9)
  end
  local found, direct = hmget(heads, numbers), hmget(rows, fields)
  for e = #entries, 1, -1 do
    local entry = entries[e]
    local created = unpackBytes('>I7', entry)
    if created < from then return result end
    local top = created == before and index or 65536
    if #entry > 7 then
      local i = unpackBytes('>H', fields[e], 8)
      if i < top then
        if looked >= 2000 or #result >= full then
          result[1], result[2] = created, i + 1
          return result
        end
        add(fields[e], direct[e], found[e])
      end
    elseif found[e] then
      local k = math.min(unpackBytes('>I3', found[e], 2), top)
      while k > 0 do
        local of = {}
        for i = k - 1, math.max(k - 100, 0), -1 do of[#of + 1] = entry .. pack('>H', i) end
        for j, raw in ipairs(hmget(rows, of)) do
          if looked >= 2000 or #result >= full then
            result[1], result[2] = created, k - j + 1
            return result
          end
          -- One that was made later stands in the list by itself.
          if raw and band(raw:byte(1), EXTRA) == 0 then add(of[j], raw, found[e]) else looked = looked + 1 end
        end
        k = math.max(k - 100, 0)
      end
    else
      looked = looked + 1
    end
  end
  at = low - 1
end
return result
