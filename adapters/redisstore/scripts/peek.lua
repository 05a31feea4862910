-- peek shows the first deliveries of lanes that are visible, or will be within
-- so much, without taking them.
--
-- KEYS[1]  meta
-- KEYS[2]  rows            hash: field -> row
-- KEYS[3]  timed           sorted set: lane\0visible field
-- KEYS[4]  held            sorted set: lane\0until claimed
-- KEYS[5]  leases          hash: the same -> how many are left, fields
-- KEYS[6]  bodies          hash: n -> body
-- KEYS[7]  versions        hash: endpoint -> created, revision, status
-- KEYS[8...]               the fresh list of each lane
-- ARGV[1]  a bound of bytes: if the largest body times ARGV[2] exceeds it, the
--          sizes of the bodies are told; 0 for no bound
-- ARGV[2]  how many are going to be taken in all shards at most
-- ARGV[3]  what is visible within so many microseconds counts as visible
-- ARGV[4...] for each lane: the lane and how many to show
--
-- Returns {now, measured, versions, lane...}: 1 if sizes are told; the versions of
-- the lanes' endpoints, as far as they are in this shard; and for each lane {next,
-- more, entries, sizes}: the time of what follows the entries (0: nothing), 1 if
-- it is visible too, the entries as visible and field in 16 bytes each, and the
-- sizes of their bodies, if they are told.
local meta, rows, timed, held, leases, bodies, versions = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local now = clock(meta)
local bound, max = tonumber(ARGV[1]), tonumber(ARGV[2])
local measure = bound > 0 and max * tonumber(call('HGET', meta, 'big') or 0) > bound
local horizon = now + tonumber(ARGV[3])
local names = {}
for l = 1, (#ARGV - 3) / 2 do names[l] = ARGV[2 * l + 2] end
local version = hmget(versions, names)
if call('EXISTS', held) == 0 then held = nil end
for l = 1, #names do version[l] = version[l] or '' end
local result = { now, measure and 1 or 0, version }

-- Lease is when the first shared lease runs out that is not dissolved.
local function show(lane, list, want, lease)
  local entries, sizes = {}, {}
  local members = call('ZRANGEBYLEX', timed, '[' .. lane .. '\0', '[' .. lane .. '\0\255', 'LIMIT', 0, want + 1)
  local fresh, read, fi, ti = {}, 0, 1, 1
  -- The next of the list that is of use, read ahead in pieces.
  local function nextFresh()
    while true do
      if fi > #fresh then
        local entriesRead = call('LRANGE', list, read, read + want)
        if #entriesRead == 0 then return end
        read = read + #entriesRead
        fresh, fi = {}, 1
        for i, raw in ipairs(hmget(rows, entriesRead)) do
          if raw and band(raw:byte(1), SHORT) ~= 0 then fresh[#fresh + 1] = entriesRead[i] end
        end
      else
        return fresh[fi]
      end
    end
  end
  while true do
    local visible, number, index, isFresh
    if members[ti] then visible, number, index = unpackBytes('>I7I7H', members[ti], #lane + 2) end
    local f = nextFresh()
    if f then
      local a, b = unpackBytes('>I7H', f)
      if not visible or a < visible or a == visible and (a < number or a == number and b < index) then
        visible, number, index, isFresh = a, a, b, true
      end
    end
    if not visible then return { lease or 0, 0, table.concat(entries), sizes } end
    if visible > horizon or #entries >= want then
      if lease and lease < visible then visible = lease end
      return { visible, visible <= horizon and 1 or 0, table.concat(entries), sizes }
    end
    entries[#entries + 1] = pack('>I7I7H', visible, number, index)
    if measure then sizes[#entries] = call('HSTRLEN', bodies, pack('>I7', number)) end
    if isFresh then fi = fi + 1 else ti = ti + 1 end
  end
end

for l, lane in ipairs(names) do
  local list = KEYS[7 + l]
  local lease = held and dissolve(rows, timed, held, leases, lane, horizon)
  local first = headOf(timed, held, rows, list, lane) -- drops what is outdated in front
  if first == 0 or first > horizon then
    result[l + 3] = { first, 0, '', {} }
  else
    result[l + 3] = show(lane, list, tonumber(ARGV[2 * l + 3]), lease)
  end
end
return result
