-- Releases a request to the next delivery if the record names the worker as owner but the worker does not work on it. A request
-- that is done stays done: the next delivery closes its books.
--
-- KEYS  1 record
-- ARGV  1 worker id
-- Returns 1, or 0 if the worker does not own the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'owner')
if record[2] == 'running' then redis.call('HSET', KEYS[1], 'state', 'queued') end
return 1
