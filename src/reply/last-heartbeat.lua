-- How long ago any worker of this shard has said that it is alive, by the clock of Redis, as heartbeat.lua wrote it.
--
-- KEYS  1 workers of the shard
-- Gives ms, or -1 where none ever has.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = nil
for _, seen in ipairs(redis.call('HVALS', KEYS[1])) do
  last = math.max(last or 0, tonumber(seen))
end
return last and math.max(0, now - last) or -1
