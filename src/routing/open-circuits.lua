-- Which circuits are not closed, by the clock that opened them. Those without a probe for long are removed: names
-- of wildcard models come from clients.
--
-- KEYS  1 open circuits
-- ARGV  1 how long one may lie there after its cooldown, ms
-- Gives the time, unix ms, then name, ms until its cooldown is over (negative: since), name, …
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
