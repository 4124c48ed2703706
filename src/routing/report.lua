-- Counts what the calls of a circuit came to, and opens it when too many of them fail.
--
-- KEYS  1 circuit, 2 open circuits
-- ARGV  1 name of the circuit, 2 'success' | 'failure' | 'refusal', 3 failure code, 4 successes since the reporter's last
--       report, 5 window ms, 6 failures that open, 7 first cooldown ms, 8 longest cooldown ms, 9 cooldown of a refusal ms
-- Gives for how many ms the circuit stays open, 0 when it is closed.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'since', 'good', 'bad', 'openings', 'until')
local since, good, bad = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)
local openings, until_ms = tonumber(state[4] or 0), tonumber(state[5] or 0)

if ARGV[2] == 'success' then
  redis.call('DEL', KEYS[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 0
end
-- Calls that began before the circuit opened fail after it: they say nothing new.
if until_ms > now then return until_ms - now end

if now - since > tonumber(ARGV[5]) then since, good, bad = now, 0, 0 end
good, bad = good + tonumber(ARGV[4]), bad + 1
-- `openings` above 0 means half open: this failure is the probe's.
local opens = ARGV[2] == 'refusal' or openings > 0 or (bad >= tonumber(ARGV[6]) and bad >= good)
if not opens then
  redis.call('HSET', KEYS[1], 'since', since, 'good', good, 'bad', bad)
  redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[5]) * 2)
  return 0
end
local longest = tonumber(ARGV[8])
local cooldown = math.min(longest, tonumber(ARGV[7]) * 2 ^ openings)
if ARGV[2] == 'refusal' then cooldown = tonumber(ARGV[9]) end
until_ms = now + cooldown
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'openings', openings + 1, 'until', until_ms, 'code', ARGV[3])
redis.call('PEXPIRE', KEYS[1], cooldown + longest)
redis.call('HSET', KEYS[2], ARGV[1], until_ms)
return math.ceil(cooldown)
