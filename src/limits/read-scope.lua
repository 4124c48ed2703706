-- Reads the state of a scope (format of its window: permit.lua).
--
-- KEYS  1 window, 2 leases
-- Returns {unix ms by the clock of Redis, permits held, the window's fields: name, value, …}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {now, redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf'), redis.call('HGETALL', KEYS[1])}
