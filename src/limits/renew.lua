-- Extends the leases of one open attempt, and creates them in scopes whose calls were not counted when it started. Does nothing
-- for an attempt that was closed or reaped.
--
-- KEYS  1 open leases, then per scope: leases
-- ARGV  1 attempt id, 2 lease ms
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], until_ms, ARGV[1])
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], until_ms, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[2]) * 2)
end
return 1
