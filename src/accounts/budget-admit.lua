-- Reserves a request's estimated charge in its key's budget, if what is spent and reserved leaves room for it.
-- Reservations of requests that never ended fall away at their deadline.
--
-- KEYS  1 budget (hash: spent, held), 2 holds (sorted set: `<request>:<units>` scored by deadline)
-- ARGV  1 request id, 2 units, 3 limit, 4 deadline ms, 5 time to live of both keys, ms
-- Gives {1} when reserved, {0, units left} when not, {2} when what was spent is not known here.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'spent', 'held')
if not state[1] then return {2} end
local held = tonumber(state[2] or 0)
for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[2], hold)
  held = held - tonumber(string.match(hold, ':(%d+)$'))
end
local left = tonumber(ARGV[3]) - tonumber(state[1]) - held
local member = ARGV[1] .. ':' .. ARGV[2]
if left < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'held', held)
  return {0, left}
end
if redis.call('ZADD', KEYS[2], 'NX', ARGV[4], member) == 1 then held = held + tonumber(ARGV[2]) end
redis.call('HSET', KEYS[1], 'held', held)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1}
