-- The owner of a request makes a second attempt beside its first one: a number of its own for it, and no fence. Both are one
-- delivery's, which writes under the fence that it has; the next delivery's fence is above both.
--
-- KEYS  1 record
-- ARGV  1 worker id, 2 progress (JSON)
-- Gives the attempt's number, or 0 when the request is no longer the worker's.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
return redis.call('HINCRBY', KEYS[1], 'attempts', 1)
