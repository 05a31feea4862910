-- removable tells whose events stand at the front of a list, so that remove can
-- be given the keys that belong to them.
--
-- KEYS[1]  heads           hash: n -> head
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3...]               lists whose entries begin with n: ended, order
-- ARGV[1]  how many events of each list
-- ARGV[2]  how many lanes at most; the first event is told of in any case
--
-- Returns {number of tenants, tenant..., lane...}.
local heads, rows = KEYS[1], KEYS[2]
local maxLanes = tonumber(ARGV[2])
local tenants, lanes, seenTenants, seenLanes = {}, {}, {}, {}
for k = 3, #KEYS do
  for _, entry in ipairs(call('LRANGE', KEYS[k], 0, ARGV[1] - 1)) do
    local number = #entry == 16 and entry:sub(8, 14) or entry:sub(1, 7)
    local head = call('HGET', heads, number)
    if head then
      local _, count, tenant = unpackBytes(HEAD, head)
      if #lanes > 0 and #lanes + count > maxLanes then break end
      if not seenTenants[tenant] then
        seenTenants[tenant] = true
        tenants[#tenants + 1] = tenant
      end
      local fields = {}
      for i = 0, count - 1 do fields[i + 1] = number .. pack('>H', i) end
      for _, raw in ipairs(hmget(rows, fields)) do
        local lane = raw and laneOf(raw)
        if lane and not seenLanes[lane] then
          seenLanes[lane] = true
          lanes[#lanes + 1] = lane
        end
      end
    end
  end
end
local result = { #tenants }
for _, t in ipairs(tenants) do result[#result + 1] = t end
for _, l in ipairs(lanes) do result[#result + 1] = l end
return result
