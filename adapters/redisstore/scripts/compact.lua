-- compact takes entries out of a list whose records are gone, a part of it with
-- each call, if there are many. What is removed in another order than it was made
-- leaves such entries behind the front.
--
-- KEYS[1]  the list        order, or the history of a lane
-- KEYS[2]  the list as it is going to be
-- KEYS[3]  heads           hash: n -> head
-- KEYS[4]  rows            hash: field -> row
-- KEYS[5]  meta
-- ARGV     none
--
-- Returns 1 if there is more to do.
local list, new, heads, rows, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function lives(entry)
  if #entry == 7 then return call('HEXISTS', heads, entry) == 1 end
  return call('HEXISTS', rows, entry:sub(-9)) == 1
end

local length = call('LLEN', list)
local progress = 'compacted ' .. new
local last = call('HGET', meta, progress)
local at = 0
if last then
  -- Where the last call ended; entries with one time are never taken apart.
  at = lowerBound(list, last + 1)
else
  if length < 1024 then return 0 end
  local dead = 0
  for i = 0, 15 do
    if not lives(call('LINDEX', list, floor(i * (length - 1) / 15))) then dead = dead + 1 end
  end
  if dead < 8 then return 0 end
end
call('HDEL', meta, '') -- see claim
local moved = 0
while moved < 2000 do
  local entries = call('LRANGE', list, at, at + 199)
  if #entries == 0 then
    if call('EXISTS', new) == 1 then call('RENAME', new, list) else call('DEL', list) end
    call('HDEL', meta, progress)
    return 0
  end
  local time = unpackBytes('>I7', entries[#entries])
  local following = lowerBound(list, time + 1)
  for i = at + #entries, following - 1 do entries[#entries + 1] = call('LINDEX', list, i) end
  local living = {}
  for _, entry in ipairs(entries) do
    if lives(entry) then living[#living + 1] = entry end
  end
  each('RPUSH', new, living, 1000)
  at, moved, last = following, moved + #entries, time
end
call('HSET', meta, progress, string.format('%.0f', last))
return 1
