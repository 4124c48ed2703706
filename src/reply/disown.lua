-- Releases a request to the next delivery if the record names the worker as owner but the worker does not work on it. Of a request
-- that is done, either the worker has closed the books, or the next delivery closes them.
--
-- KEYS  1 record
-- ARGV  1 worker id, 2 '1' if the books of a request that is done are closed
-- Returns 1, or 0 if the worker does not own the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] then return 0 end
if record[2] == 'done' and ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'closed', 1)
  return 1
end
redis.call('HDEL', KEYS[1], 'owner')
if record[2] == 'running' then redis.call('HSET', KEYS[1], 'state', 'queued') end
return 1
