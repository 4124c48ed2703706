-- Counts the outcomes of a circuit's calls, and opens the circuit when too many of them fail. The outcome of a call that began
-- before the circuit last opened is ignored: only calls that began since then close it or open it again.
--
-- KEYS  1 circuit, 2 open circuits
-- ARGV  1 name of the circuit, 2 'success' | 'failure' | 'refusal' | 'undecided', 3 failure code, 4 successes since the
--       reporter's last report, 5 window ms, 6 failures that open, 7 first cooldown ms, 8 longest cooldown ms, 9 cooldown of
--       a refusal ms, 10 when the call began, unix ms by the clock of Redis (if negative, its age), 11 channel on which
--       openings and closings are announced
-- Returns ms until the end of the circuit's cooldown (negative once it is over), nil if the circuit is closed.

-- How long the time of an opening is remembered: longer than calls that began before it take to end.
local OPENING_KEPT_MS = 600000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'since', 'good', 'bad', 'openings', 'until', 'opened')
local since, good, bad = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)
local openings, until_ms, opened = tonumber(state[4] or 0), tonumber(state[5]), tonumber(state[6] or 0)
local left = until_ms and until_ms - now
local began = tonumber(ARGV[10])
if began <= 0 then began = now + began end
if began < opened then return left end

if ARGV[2] == 'undecided' then
  redis.call('HDEL', KEYS[1], 'probe')
  return left
end
if ARGV[2] == 'success' then
  if not until_ms then return nil end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'opened', opened)
  redis.call('PEXPIRE', KEYS[1], OPENING_KEPT_MS)
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('SPUBLISH', ARGV[11], 'closed 0 ' .. ARGV[1])
  return nil
end
-- A call without an alternative, let through while the circuit was open: its failure changes nothing.
if left and left > 0 then return left end

if now - since > tonumber(ARGV[5]) then since, good, bad = now, 0, 0 end
good, bad = good + tonumber(ARGV[4]), bad + 1
-- `openings` above 0 means half open: this failure is the probe's.
local opens = ARGV[2] == 'refusal' or openings > 0 or (bad >= tonumber(ARGV[6]) and bad >= good)
if not opens then
  redis.call('HSET', KEYS[1], 'since', since, 'good', good, 'bad', bad)
  redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[5]) * 2, redis.call('PTTL', KEYS[1])))
  return nil
end
local longest = tonumber(ARGV[8])
local cooldown = math.min(longest, tonumber(ARGV[7]) * 2 ^ openings)
if ARGV[2] == 'refusal' then cooldown = tonumber(ARGV[9]) end
cooldown = math.ceil(cooldown)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'openings', openings + 1, 'until', now + cooldown, 'opened', now, 'code', ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.max(OPENING_KEPT_MS, cooldown + longest))
redis.call('HSET', KEYS[2], ARGV[1], now + cooldown)
redis.call('SPUBLISH', ARGV[11], 'open ' .. cooldown .. ' ' .. ARGV[1])
return cooldown
