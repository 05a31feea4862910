-- cancel ends pending deliveries.
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
-- KEYS[10] ended           list: n and when its last delivery ended
-- ARGV[1]  the tenant
-- ARGV[2]  the reason
-- ARGV[3...] the fields
--
-- Returns a string with a byte for each: 1 if it was pending, otherwise 0.
local meta, rows, timed, held, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local counts, lanes, tenants, open, ended = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local now = clock(meta)
call('HDEL', meta, '') -- see claim
local changes, fates = tally(), {}
for i = 3, #ARGV do
  local f = ARGV[i]
  local raw = call('HGET', rows, f)
  local fate = 0
  if raw and band(raw:byte(1), 7) == 1 then
    local number = f:sub(1, 7)
    local r = readRow(f, raw)
    local o = not r.sole and call('HGET', open, number)
    if r.sole and r.tenant == ARGV[1] or o and o:sub(4) == ARGV[1] then
      fate = 1
      unqueue(timed, held, leases, r)
      move(changes, r.lane .. '\0' .. ARGV[1], 1, 4)
      r.state, r.claimed, r.token, r.reason, r.visible, r.updated = 4, false, r.token + 1, ARGV[2], 0, now
      call('HSET', rows, f, writeRow(r))
      local left = o and unpackBytes('>I3', o) - 1 or 0
      if left > 0 then
        call('HSET', open, number, pack('>I3', left) .. ARGV[1])
      else
        if o then call('HDEL', open, number) end
        call('RPUSH', ended, number .. pack('>I7', now))
      end
    end
  end
  fates[#fates + 1] = string.char(fate)
end
writeTally(changes, counts, lanes, tenants)
return table.concat(fates)
