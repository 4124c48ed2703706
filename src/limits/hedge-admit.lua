-- Admits a hedge (a second attempt), and counts it, if its model stays within two bounds over the last HEDGE_SLICES slices, in all
-- workers: hedges as a percentage of answers, and the cost lost with hedges as a percentage of the cost of answers.
--
-- A slice counts answers `r`, their cost `s`, hedges `n` and the cost lost with them `x` (picodollars), each in a field
-- `<letter><slice>`.
--
-- KEYS  1 sums of the model
-- ARGV  1 estimated loss, picodollars, 2 maximum hedges, percent of answers, 3 maximum loss, percent of the cost of answers
-- Returns {slice} if admitted, else {0, 'share' or 'cost'}, the bound that would be exceeded.
local HEDGE_SLICES = 10
local SLICE_MS = 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slice = math.floor(now / SLICE_MS)
local sums, gone = {r = 0, s = 0, n = 0, x = 0}, {}
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local letter, at = string.match(known[i], '^([rsnx])(%d+)$')
  if not letter or tonumber(at) <= slice - HEDGE_SLICES then
    gone[#gone + 1] = known[i]
  else
    sums[letter] = sums[letter] + (tonumber(known[i + 1]) or 0)
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
if (sums.n + 1) * 100 > sums.r * tonumber(ARGV[2]) then return {0, 'share'} end
if (sums.x + tonumber(ARGV[1])) * 100 > sums.s * tonumber(ARGV[3]) then return {0, 'cost'} end
redis.call('HINCRBY', KEYS[1], 'n' .. slice, 1)
redis.call('HINCRBY', KEYS[1], 'x' .. slice, ARGV[1])
redis.call('PEXPIRE', KEYS[1], HEDGE_SLICES * SLICE_MS)
return {slice}
