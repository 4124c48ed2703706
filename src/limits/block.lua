-- Blocks one scope for all workers for a time: the provider sent `retry-after`, or its quota is used up. A longer existing block
-- is kept. If the provider claims a longer wait than Sluice honours, single trial calls are allowed after the block, until the
-- claimed wait has passed (permit.lua) or a trial has succeeded (unblock).
--
-- KEYS  1 window
-- ARGV  1 how long, ms, 2 how long the provider claims, ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ms, claimed_ms = now + tonumber(ARGV[1]), now + tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'blocked', 'claimed')
local blocked, claimed = tonumber(state[1] or 0), tonumber(state[2] or 0)
local ttl_ms = math.max(tonumber(ARGV[1]), tonumber(ARGV[2])) + 130000
local is_kept = redis.call('PTTL', KEYS[1]) >= ttl_ms
if until_ms > blocked then redis.call('HSET', KEYS[1], 'blocked', until_ms) end
if claimed_ms > math.max(claimed, until_ms) then redis.call('HSET', KEYS[1], 'claimed', claimed_ms) end
if not is_kept then redis.call('PEXPIRE', KEYS[1], ttl_ms) end
return math.max(until_ms, blocked)
