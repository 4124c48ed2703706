-- Learns how many calls at once a provider bears, from what it refuses: additive increase while the limit is used up,
-- multiplicative decrease at a refusal, probes above what was refused, ever rarer while they are refused.
--
-- KEYS  1 learned limits, 2 leases of the scope
-- ARGV  1 field, 2 'refused' | 'served', 3 how long a limit is in force, ms, 4 channel of what was learned
-- The field: the limit, when it was last confirmed, what was refused last (the ceiling), when the limit last changed (unix ms),
-- by how much it was raised then (after a refusal: the least that the rest of its burst may lower it to, negative; at the
-- ceiling one more each time it is seen used up), and how long the ceiling is left alone.
-- Gives {limit, unix ms}, or nothing where nothing is known.

-- As a limit: calls are counted and not limited, the first refusal begins with that. As a ceiling: none is known.
local UNKNOWN = 1000000
-- Other processes count what they have in flight as soon as they hear of it.
local SETTLING_MS = 500
-- Calls that were on their way together are refused together; the last of them sees best what was borne.
local BURST_MS = 500
local STEP_MS = 2000
local FIRST_PROBE_MS = 4000
-- Each probe that is refused is one refusal: the fewer calls there are at once, the rarer it has to be.
local LAST_PROBE_MS = 45000
local LAST_PROBE_AT = 20
local LONGEST_PROBE_MS = 300000
local PROBE_GROWTH = 4
local BINDING = 0.9
-- A call that has just ended and one that is still on its way are counted, and may never have been borne together.
local PROOFS = 3
local LARGEST_STEP = 0.25
local SMALLEST_PART = 0.7
-- One burst of refusals lowers a limit to no less than this part, the first one further: nothing was known before it.
local LEAST_PART = 0.5
local LEAST_PART_AT_FIRST = 0.1

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local limit, at, ceiling, changed, step, probe_ms = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%-?%d+) (%d+)$')
if not limit then
  -- As earlier releases wrote it.
  limit, at, ceiling, changed = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
  step, probe_ms = 0, FIRST_PROBE_MS
end

local function store(new)
  local value = table.concat({
    digits(new.limit), digits(now), digits(new.ceiling), digits(new.changed or now), digits(new.step),
    digits(new.probe_ms or FIRST_PROBE_MS),
  }, ' ')
  redis.call('HSET', KEYS[1], ARGV[1], value)
  if new.limit ~= tonumber(limit) then redis.call('SPUBLISH', ARGV[4], ARGV[1] .. '\n' .. value) end
  return {new.limit, now}
end

if not limit or now - tonumber(at) > tonumber(ARGV[3]) then
  if ARGV[2] == 'served' then return nil end
  return store({limit = UNKNOWN, ceiling = UNKNOWN, step = 0})
end
limit, at, ceiling, changed = tonumber(limit), tonumber(at), tonumber(ceiling), tonumber(changed)
step, probe_ms = tonumber(step), tonumber(probe_ms)
local unchanged, since = {limit, at}, now - changed
local in_flight = redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf')
local function part(of, share) return math.max(1, math.floor(of * share)) end

local function longer_probe_ms()
  local most = LAST_PROBE_MS * math.max(1, LAST_PROBE_AT / limit)
  return math.floor(math.min(LONGEST_PROBE_MS, most, probe_ms * PROBE_GROWTH))
end

-- The refused call itself is in flight still.
local function refused()
  if limit == UNKNOWN then
    if since < SETTLING_MS then return unchanged end
    local lower = math.max(1, in_flight - 1)
    return store({limit = lower, ceiling = lower + 1, step = -part(in_flight, LEAST_PART_AT_FIRST)})
  end
  if step < 0 and since < BURST_MS then
    local lower = math.max(-step, math.min(limit, in_flight - 1))
    if lower == limit then return unchanged end
    return store({limit = lower, ceiling = lower + 1, changed = changed, step = step, probe_ms = probe_ms})
  end
  local was_raised, least = step > 0, part(limit, LEAST_PART)
  local base = math.max(1, math.min(limit, in_flight))
  local lower = math.max(least, was_raised and base - 1 or math.floor(base * SMALLEST_PART))
  local is_confirmed = was_raised and limit >= ceiling
  return store({
    limit = lower, ceiling = math.max(lower + 1, base), step = -least,
    probe_ms = is_confirmed and longer_probe_ms() or FIRST_PROBE_MS,
  })
end

local function raise(by, new_ceiling, new_probe_ms)
  return store({limit = limit + by, ceiling = new_ceiling, step = by, probe_ms = new_probe_ms})
end

local function served()
  if limit == UNKNOWN or in_flight < limit * BINDING then return unchanged end
  if limit < ceiling and limit + 1 >= ceiling then
    if since < probe_ms then return unchanged end
    return raise(1, ceiling, probe_ms)
  end
  if since < STEP_MS then return unchanged end
  if limit >= ceiling and ceiling < UNKNOWN then
    if in_flight < limit then return unchanged end
    if step <= PROOFS then
      return store({limit = limit, ceiling = ceiling, changed = changed, step = step + 1, probe_ms = probe_ms})
    end
    return raise(1, UNKNOWN, FIRST_PROBE_MS)
  end
  local next_step = math.min(step > 0 and step * 2 or 1, part(limit, LARGEST_STEP))
  return raise(math.min(next_step, ceiling - 1 - limit), ceiling, probe_ms)
end

if ARGV[2] == 'refused' then return refused() end
return served()
