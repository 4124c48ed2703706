-- Claims a new request in the step that writes its record, as claim.lua does; it has no earlier owner.
--
-- KEYS  1 record, 2 log
-- ARGV  1 worker id, 2 log's time to live, ms
-- Returns the id of the first attempt's fence.
redis.call('HSET', KEYS[1], 'attempts', 1, 'owner', ARGV[1], 'state', 'running')
local fence = redis.call('XADD', KEYS[2], '1-*', 'k', 'fence', 'm', '', 'b', '')
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return fence
