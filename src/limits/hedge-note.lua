-- Counts answers of a model and their cost, for hedge-admit.lua.
--
-- KEYS  1 sums of the model
-- ARGV  1 answers, 2 their cost, picodollars
local HEDGE_SLICES = 10
local SLICE_MS = 60000
local time = redis.call('TIME')
local slice = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / SLICE_MS)
local is_new = redis.call('HINCRBY', KEYS[1], 'r' .. slice, ARGV[1]) == tonumber(ARGV[1])
redis.call('HINCRBY', KEYS[1], 's' .. slice, ARGV[2])
redis.call('PEXPIRE', KEYS[1], HEDGE_SLICES * SLICE_MS)
-- Removes expired slices, which hedge-admit.lua only does when there are hedges.
if is_new then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if tonumber(string.sub(field, 2)) <= slice - HEDGE_SLICES then redis.call('HDEL', KEYS[1], field) end
  end
end
return 1
