-- events lists events, newest first.
--
-- KEYS[1]  order           list of all, or of a tenant: n, or created and field
-- KEYS[2]  heads           hash: n -> head
-- KEYS[3]  bodies          hash: n -> body
-- ARGV[1]  created before this
-- ARGV[2]  created not before this
-- ARGV[3]  how many at most
-- ARGV[4]  the type, '' for any
--
-- Returns {next, (n, head, body)...}: next is where to go on, 0 at the end.
local order, heads, bodies = KEYS[1], KEYS[2], KEYS[3]
local before, from, limit, eventType = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local result, looked, bytes = { 0 }, 0, 0
local at = lowerBound(order, before) - 1
while at >= 0 do
  local low = math.max(at - 99, 0)
  local entries = call('LRANGE', order, low, at)
  local numbers = {}
  for i, entry in ipairs(entries) do numbers[i] = entry:sub(1, 7) end
  local found = hmget(heads, numbers)
  for i = #entries, 1, -1 do
    local n = unpackBytes('>I7', entries[i])
    if n < from then return result end
    if looked >= 2000 or #result > 3 * limit or bytes > 8000000 then
      result[1] = n + 1
      return result
    end
    looked = looked + 1
    local head = found[i]
    if #entries[i] == 7 and head then
      local _, _, _, _, t = unpackBytes(HEAD, head)
      if eventType == '' or t == eventType then
        local body = call('HGET', bodies, numbers[i])
        bytes = bytes + #head + #(body or '')
        result[#result + 1] = n
        result[#result + 1] = head
        result[#result + 1] = body
      end
    end
  end
  at = low - 1
end
return result
