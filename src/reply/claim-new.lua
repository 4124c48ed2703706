-- Opens the log of a new request whose record names its worker already (accept.lua), as claim.lua does.
--
-- KEYS  1 record
-- ARGV  1 log's time to live, ms
-- Returns the id of the first attempt's fence.
local log = string.gsub(KEYS[1], '}:req:', '}:log:', 1)
local fence = redis.call('XADD', log, '1-*', 'k', 'fence', 'm', '', 'b', '')
redis.call('PEXPIRE', log, ARGV[1])
return fence
