-- Learns how many calls at once a provider bears, from what it refuses: additive increase while the limit is used up,
-- multiplicative decrease at a refusal, slow probes above what was refused last.
--
-- KEYS  1 learned limits, 2 leases of the scope
-- ARGV  1 field, 2 'refused' | 'served', 3 how long a limit is in force, ms
-- The field: limit, when it was last confirmed, what was refused last, when the limit last changed (unix ms).
-- Gives {limit, unix ms}, or nothing where nothing is known.

-- Calls are counted and not limited: the first refusal begins with that.
local COUNTED_ONLY = 1000000
-- Calls that began before counting are not in the leases: the first look waits for so long.
local SETTLING_MS = 2000
local STEP_MS = 2000
local PROBE_MS = 60000
local BINDING = 0.9
local STEP = 0.05
local SMALLEST_PART = 0.7
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = redis.call('HGET', KEYS[1], ARGV[1])
local limit, at, refused, changed = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
local function store(new_limit, new_refused)
  redis.call('HSET', KEYS[1], ARGV[1], table.concat({digits(new_limit), digits(now), digits(new_refused), digits(now)}, ' '))
  return {new_limit, now}
end
if not limit or now - tonumber(at) > tonumber(ARGV[3]) then
  if ARGV[2] == 'served' then return nil end
  return store(COUNTED_ONLY, COUNTED_ONLY)
end
limit, at, refused, changed = tonumber(limit), tonumber(at), tonumber(refused), tonumber(changed)
local in_flight = redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf')

if ARGV[2] == 'refused' then
  if limit == COUNTED_ONLY then
    if now - changed < SETTLING_MS then return {limit, at} end
    return store(math.max(1, in_flight - 1), COUNTED_ONLY)
  end
  -- The refused call itself is in flight still.
  local lower = math.max(1, math.floor(limit * SMALLEST_PART), in_flight - 1)
  if lower >= limit then return store(limit, limit + 1) end
  return store(lower, in_flight)
end
if limit == COUNTED_ONLY or in_flight < limit * BINDING then return {limit, at} end
local is_probe = limit + 1 >= refused
if now - changed < (is_probe and PROBE_MS or STEP_MS) then return {limit, at} end
local higher = limit + math.max(1, math.floor(limit * STEP))
if not is_probe then higher = math.min(higher, refused - 1) end
return store(higher, refused)
