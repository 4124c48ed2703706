-- A worker that does not work on a request, though the record says so, leaves it to the next delivery.
--
-- KEYS  1 record
-- ARGV  1 worker id
-- Gives 1, or 0 when the request is not the worker's.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return 0 end
redis.call('HDEL', KEYS[1], 'owner')
redis.call('HSET', KEYS[1], 'state', 'queued')
return 1
