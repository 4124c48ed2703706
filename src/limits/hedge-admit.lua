-- May a second attempt be made beside another one? Only a part of a model's answers has one, and what such attempts cost
-- without having been the answer is only a part of what the answers cost: over the last SLICES slices, in all workers.
--
-- A slice counts answers `r`, what they cost `s`, second attempts `n` and what was lost with them `x` (picodollars), each in a
-- field `<letter><slice>`.
--
-- KEYS  1 sums of the model
-- ARGV  1 what will be lost, as far as can be said, 2 most second attempts in a hundred answers, 3 most that is lost in a
--       hundred of what is spent
-- Gives {slice} where it was counted, else {0, 'share' or 'cost'}.
local SLICES = 10
local SLICE_MS = 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slice = math.floor(now / SLICE_MS)
local sums, gone = {r = 0, s = 0, n = 0, x = 0}, {}
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local letter, at = string.match(known[i], '^([rsnx])(%d+)$')
  if not letter or tonumber(at) <= slice - SLICES then
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
redis.call('PEXPIRE', KEYS[1], SLICES * SLICE_MS)
return {slice}
