-- Decides whether a call may be made now. After its cooldown, a circuit lets one call through at a time: the probe. Before
-- that, it lets a request without an alternative through at intervals, so that recovery is noticed.
--
-- KEYS  1 circuit, 2 open circuits
-- ARGV  1 name of the circuit, 2 how long a probe may take, ms, 3 time between calls without an alternative, ms, or 0
-- Returns {-1} (closed), {0} (open, and this call may be made), or {ms to wait before asking again, code of the failure that
-- opened the circuit}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'until', 'probe', 'code', 'lone')
if not state[1] then
  redis.call('HDEL', KEYS[2], ARGV[1])
  return {-1}
end
local until_ms, probe_ms, spacing = tonumber(state[1]), tonumber(state[2] or 0), tonumber(ARGV[3])
if until_ms > now then
  local lone_ms = tonumber(state[4] or 0)
  if spacing == 0 then return {until_ms - now, state[3]} end
  if lone_ms > now then return {math.min(until_ms, lone_ms) - now, state[3]} end
  redis.call('HSET', KEYS[1], 'lone', now + spacing)
  return {0}
end
if probe_ms > now then return {math.min(500, probe_ms - now), state[3]} end
redis.call('HSET', KEYS[1], 'probe', now + tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + 60000)
return {0}
