-- Stores a limit that only a refusal has named. Its usage is counted from then on. A refusal corroborates the limit if about that
-- much was used in its period, and if the wait it asks for fits a window: providers with a token bucket ask for short waits,
-- which suffice by themselves.
--
-- KEYS  1 learned limits, 2 window
-- ARGV  1 field, 2 limit, 3 kind, 4 period ms, 5 how long it is believed, ms, 6 the wait that was asked for, ms, or '',
--       7 amount of the refused call, 8 channel of what was learned
-- The field: limit, when it was last named (unix ms), 'said', since when its usage is counted (unix ms), number of
-- corroborations.
local SLICES = 300
local KEEP_SLICES = 302
local CHUNK = 50
-- Concurrent calls are refused together: only one of the refusals counts.
local TOGETHER_MS = 1000
local CLOSE = 0.8
-- More was served than the limit allows: it limits something else.
local BEYOND = 1.25
local FAR = 0.5
local MOST_TIMES = 9

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, period = tonumber(ARGV[2]), tonumber(ARGV[4])
local text = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local known, at, since, times = string.match(text, '^(%d+) (%d+) said (%d+) (%d+)$')

local function store(new_since, new_times)
  local value = table.concat({ARGV[2], digits(now), 'said', digits(new_since), digits(new_times)}, ' ')
  redis.call('HSET', KEYS[1], ARGV[1], value)
  redis.call('SPUBLISH', ARGV[8], ARGV[1] .. '\n' .. value)
end

if not known or tonumber(known) ~= limit or now - tonumber(at) > tonumber(ARGV[5]) then return store(now, 0) end
since, times = tonumber(since), tonumber(times)

-- The amount started in the last period, and in how many ms the oldest part leaves the window.
local function read_use()
  local slice_ms = period / SLICES
  local last, used, oldest = math.floor(now / slice_ms), 0, nil
  for first = last - KEEP_SLICES + 1, last, CHUNK do
    local fields = {}
    for slice = first, math.min(last, first + CHUNK - 1) do fields[#fields + 1] = ARGV[3] .. slice end
    for n, count in ipairs(redis.call('HMGET', KEYS[2], unpack(fields))) do
      if count then
        used = used + (tonumber(count) or 0)
        oldest = oldest or first + n - 1
      end
    end
  end
  return used - (tonumber(ARGV[7]) or 0), oldest and (oldest + KEEP_SLICES) * slice_ms - now or 0
end

if now - since < period then return store(since, times) end
local used, leaves_ms = read_use()
if used < limit * FAR then return store(since, 0) end
if times > 0 and now - tonumber(at) < TOGETHER_MS then return nil end
local is_near = used >= limit * CLOSE and used <= limit * BEYOND
local is_window = ARGV[6] == '' or tonumber(ARGV[6]) * 2 >= leaves_ms
if is_near and is_window then return store(since, math.min(MOST_TIMES, times + 1)) end
