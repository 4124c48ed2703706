-- A worker's heartbeat, by the clock of Redis. Workers silent for an hour are removed.
--
-- KEYS  1 workers of the shard
-- ARGV  1 worker id
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HSET', KEYS[1], ARGV[1], now) == 1 then
  local known = redis.call('HGETALL', KEYS[1])
  for i = 1, #known, 2 do
    if tonumber(known[i + 1]) < now - 3600000 then redis.call('HDEL', KEYS[1], known[i]) end
  end
end
return now
