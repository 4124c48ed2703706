-- Opens the owner's next attempt at a request and stores its progress.
--
-- KEYS  1 record, 2 log
-- ARGV  1 worker id, 2 progress (JSON), 3 log's time to live, ms
-- Returns {attempt, fence id}, or {} if the worker no longer owns the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return {} end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
local fence = redis.call('XADD', KEYS[2], attempt .. '-*', 'k', 'fence', 'm', '', 'b', '')
redis.call('PEXPIRE', KEYS[2], math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1])))
return {attempt, fence}
