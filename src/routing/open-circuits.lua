-- Lists the circuits that are not closed, by the clock of Redis. Circuits that were not probed for a long time are removed,
-- because clients choose the names of wildcard models.
--
-- KEYS  1 open circuits
-- ARGV  1 how long a circuit is kept after its cooldown, ms
-- Returns the time, unix ms, then name, ms until the end of its cooldown (negative once it is over), name, …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = redis.call('HGETALL', KEYS[1])
local told = {now}
for i = 1, #open, 2 do
  local left = tonumber(open[i + 1]) - now
  if left < -tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], open[i])
  else
    told[#told + 1] = open[i]
    told[#told + 1] = left
  end
end
return told
