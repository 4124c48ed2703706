-- Stops every worker for one scope for a time: the vendor said `retry-after`, or its remaining quota is nought.
-- A longer block already there stays.
--
-- KEYS  1 window
-- ARGV  1 how long, ms
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
local blocked = tonumber(redis.call('HGET', KEYS[1], 'blocked') or 0)
if until_ms > blocked then
  redis.call('HSET', KEYS[1], 'blocked', until_ms)
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) + 130000 then
    redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]) + 130000)
  end
end
return math.max(until_ms, blocked)
