-- Time since the last heartbeat (heartbeat.lua) of any worker of this shard, by the clock of Redis.
--
-- KEYS  1 workers of the shard
-- Returns ms, or -1 if there was none.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = nil
for _, seen in ipairs(redis.call('HVALS', KEYS[1])) do
  last = math.max(last or 0, tonumber(seen))
end
return last and math.max(0, now - last) or -1
