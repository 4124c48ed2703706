-- Numbers a second, concurrent attempt of the request's owner (hedging), without a fence. Both attempts belong to one delivery,
-- which writes under its existing fence; the next delivery's fence is higher than both.
--
-- KEYS  1 record
-- ARGV  1 worker id, 2 progress (JSON), 3 1 to take a number, 0 to store the progress only
-- Returns the attempt's number, or 0 if the worker no longer owns the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
return redis.call('HINCRBY', KEYS[1], 'attempts', ARGV[3])
