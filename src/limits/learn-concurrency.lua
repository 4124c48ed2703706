-- Learns a provider's concurrency limit from its refusals: additive increase while the limit is fully used, multiplicative
-- decrease on a refusal, and probes above the last refused level, with growing intervals while they are refused.
--
-- KEYS  1 learned limits, 2 leases of the scope
-- ARGV  1 field, 2 'refused' | 'served', 3 how long a limit is in force, ms, 4 channel of what was learned
-- The field: limit; when it was last confirmed; the last refused level (the ceiling); when the limit last changed (unix ms); the
-- size of that raise (after a refusal: minus the lowest value that the rest of its burst may lower it to; at the ceiling: one
-- more each time it is seen fully used); how long the ceiling is not probed.
-- Returns {limit, unix ms}, or nothing if nothing is known.

-- As a limit: calls are counted but not limited, as after the first refusal. As a ceiling: none is known.
local UNKNOWN = 1000000
-- Other processes register their calls in flight once they are notified.
local SETTLING_MS = 500
-- Concurrent calls are refused in bursts; the last refusal of a burst shows the accepted level best.
local BURST_MS = 500
local STEP_MS = 2000
local FIRST_PROBE_MS = 4000
-- A refused probe costs a refusal: the lower the concurrency, the rarer probes must be.
local LAST_PROBE_MS = 45000
local LAST_PROBE_AT = 20
local LONGEST_PROBE_MS = 300000
local PROBE_GROWTH = 4
local BINDING = 0.9
-- Calls that have just ended or have not arrived yet are counted too, so that one observation is no proof of the level.
local PROOFS = 3
local LARGEST_STEP = 0.25
local SMALLEST_PART = 0.7
-- A burst of refusals lowers the limit at most to this part; the first burst further, since nothing was known before.
local LEAST_PART = 0.5
local LEAST_PART_AT_FIRST = 0.1

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local limit, at, ceiling, changed, step, probe_ms = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%-?%d+) (%d+)$')
if not limit then
  -- The format of earlier releases.
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

-- The refused call itself is still counted.
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
