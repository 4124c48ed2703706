-- Writes attempts whose lease has expired (their worker died during the call) to the ledger as unsettled.
--
-- KEYS  1 open attempts, 2 open leases, 3 ledger stream
-- ARGV  1 maximum number
-- Returns the ids of the attempts written.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, attempt in ipairs(expired) do
  local entry = redis.call('HGET', KEYS[1], attempt)
  if entry then redis.call('XADD', KEYS[3], '*', 'e', entry) end
  redis.call('HDEL', KEYS[1], attempt)
  redis.call('ZREM', KEYS[2], attempt)
end
return expired
