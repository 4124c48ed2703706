-- Stores a limit that a provider has announced. If the provider reports more usage than the window has (other clients use the
-- account too), the window is filled up to it; a window that did not count this kind before also gets the past usage that
-- earlier answers reported.
--
-- KEYS  1 learned limits, 2 window
-- ARGV  1 field, 2 limit, 3 used of it, 4 kind, 5 period ms, 6 channel of what was learned, then past usage: ms ago, amount
-- Returns the time, unix ms.
local SLICES = 300
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kind, period = ARGV[4], tonumber(ARGV[5])
local used, ttl = math.max(0, whole(ARGV[3], 0)), 2 * tonumber(ARGV[5]) + 10000
local slice = math.floor(now / (period / SLICES))
local state = redis.call('HMGET', KEYS[2], '+' .. kind, 'h' .. kind, kind .. slice)
local sum = tonumber(state[1]) or 0
local value = ARGV[2] .. ' ' .. now
local before = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) %d+$')
redis.call('HSET', KEYS[1], ARGV[1], value)
if before ~= ARGV[2] then redis.call('SPUBLISH', ARGV[6], ARGV[1] .. '\n' .. value) end
if used <= sum then return now end
local counts, head = {[slice] = (tonumber(state[3]) or 0) + used - sum}, slice
if not state[2] then
  for n = 7, #ARGV - 1, 2 do
    local amount = math.min(whole(ARGV[n + 1], 0), counts[slice])
    local past = math.floor((now - whole(ARGV[n], 0)) / (period / SLICES))
    if amount > 0 and past < slice and past > slice - SLICES then
      counts[slice] = counts[slice] - amount
      counts[past] = (counts[past] or 0) + amount
      head = math.min(head, past)
    end
  end
  redis.call('HSET', KEYS[2], 'h' .. kind, head)
end
redis.call('HSET', KEYS[2], '+' .. kind, digits(used))
for past, count in pairs(counts) do redis.call('HSET', KEYS[2], kind .. past, digits(count)) end
if redis.call('PTTL', KEYS[2]) < ttl then redis.call('PEXPIRE', KEYS[2], digits(ttl)) end
return now
