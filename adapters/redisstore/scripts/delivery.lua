-- delivery reads deliveries of one event.
--
-- KEYS[1]  heads           hash: n -> head
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  attempts        hash: field, number in 3 bytes -> attempt
-- ARGV[1]  n in 7 bytes, or a field: all deliveries of an event, or one
-- ARGV[2]  1: with its attempts
--
-- Returns {head, field, row, ...}, followed by the attempts of a single one; 0 if
-- there is none.
local number = ARGV[1]:sub(1, 7)
local head = call('HGET', KEYS[1], number)
if not head then return 0 end
if #ARGV[1] == 9 then
  local raw = call('HGET', KEYS[2], ARGV[1])
  if not raw then return 0 end
  local result = { head, ARGV[1], (apart(raw)) }
  if ARGV[2] == '1' then
    local r, fields = readRow(ARGV[1], raw), {}
    for i = 1, r.attempts - (r.last and 1 or 0) do fields[i] = ARGV[1] .. pack('>I3', i) end
    for i, a in ipairs(hmget(KEYS[3], fields)) do result[i + 3] = a end
    result[#fields + 4] = r.last
  end
  return result
end
local result, fields = { head }, {}
for i = 0, unpackBytes('>I3', head, 2) - 1 do fields[i + 1] = number .. pack('>H', i) end
for i, raw in ipairs(hmget(KEYS[2], fields)) do
  if raw then
    result[#result + 1] = fields[i]
    result[#result + 1] = apart(raw)
  end
end
return result
