-- Extends the lease of one open attempt; an attempt that was closed or reaped stays so.
--
-- KEYS  1 open leases, then per scope: leases
-- ARGV  1 attempt id, 2 lease ms
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], 'XX', until_ms, ARGV[1])
  if i > 1 then redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[2]) * 2) end
end
return 1
