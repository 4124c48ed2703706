-- May this deployment be called? A circuit whose cooldown is over lets one call through at a time: the probe.
--
-- KEYS  1 circuit, 2 open circuits
-- ARGV  1 deployment id, 2 how long a probe may take, ms
-- Gives 0 (call it), or how many ms to wait before asking again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'until', 'probe')
if not state[1] then
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 0
end
if tonumber(state[1]) > now then return tonumber(state[1]) - now end
if state[2] and tonumber(state[2]) > now then return math.min(500, tonumber(state[2]) - now) end
redis.call('HSET', KEYS[1], 'probe', now + tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + 60000)
return 0
