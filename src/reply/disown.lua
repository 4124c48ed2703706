-- Releases a request to the next delivery if the record names the worker as owner but the worker does not work on it. If the
-- request is done, the worker has closed its books, and says so.
--
-- KEYS  1 record
-- ARGV  1 worker id
-- Returns 1, or 0 if the worker does not own the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' and record[2] ~= 'done' then return 0 end
if record[2] == 'done' then
  redis.call('HSET', KEYS[1], 'closed', 1)
  return 1
end
redis.call('HDEL', KEYS[1], 'owner')
redis.call('HSET', KEYS[1], 'state', 'queued')
return 1
