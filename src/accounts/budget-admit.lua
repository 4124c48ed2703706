-- Reserves a request's estimated charge in its key's budget, if what is spent and reserved leaves room for it.
-- Reservations of requests that never ended fall away at their deadline.
--
-- KEYS  1 budget (hash: spent, held), 2 reservations (sorted set: `<request>:<units>` scored by deadline)
-- ARGV  1 request id, 2 units, 3 limit, 4 deadline ms, 5 time to live of both keys, ms
-- Gives {1} when reserved, {0, units left} when not, {2} when what was spent is not known here.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'spent', 'held')
if not state[1] then return {2} end
local spent, held = whole(state[1], 0), whole(state[2], 0)
local limit, units = whole(ARGV[3], 0), math.max(0, whole(ARGV[2], LARGEST))
local member = ARGV[1] .. ':' .. ARGV[2]
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)
for _, reservation in ipairs(expired) do
  held = held - math.max(0, whole(string.match(reservation, ':([^:]*)$'), 0))
end
held = math.max(0, held)
local left = limit - spent - held
if #expired > 0 then redis.call('ZREM', KEYS[2], unpack(expired)) end
if left < units then
  redis.call('HSET', KEYS[1], 'held', digits(held))
  return {0, left}
end
if redis.call('ZADD', KEYS[2], 'NX', ARGV[4], member) == 1 then held = held + units end
redis.call('HSET', KEYS[1], 'held', digits(held))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1}
