-- The owner of a request goes on to its next attempt, and notes how far it has come.
--
-- KEYS  1 record, 2 log
-- ARGV  1 worker id, 2 progress (JSON), 3 log's time to live, ms
-- Gives {attempt, fence id}, or {} when the request is no longer the worker's.
local record = redis.call('HMGET', KEYS[1], 'owner', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return {} end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
local fence = redis.call('XADD', KEYS[2], attempt .. '-*', 'k', 'fence', 'm', '', 'b', '')
redis.call('PEXPIRE', KEYS[2], math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1])))
return {attempt, fence}
