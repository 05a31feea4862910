-- match finds the endpoints that have one of the patterns.
--
-- KEYS[1]  versions        hash: id -> created, revision, status
-- KEYS[2...]               the set of each pattern
-- ARGV     for each type the number of its patterns, whose sets follow each other
--
-- Returns {id, version, ...} for each type, each endpoint once.
local result = {}
local k = 2
for t = 1, #ARGV do
  local n = tonumber(ARGV[t])
  local found = call('SUNION', unpack(KEYS, k, k + n - 1))
  k = k + n
  local list = {}
  for i, v in ipairs(hmget(KEYS[1], found)) do
    list[2 * i - 1], list[2 * i] = found[i], v or ''
  end
  result[t] = list
end
return result
