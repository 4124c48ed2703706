-- Removes a job from the fair turns (fair-turns.lua) before it is moved or removed; BullMQ's own scripts update BullMQ's sets.
--
-- KEYS  1 job, 2 owners whose jobs wait, 3 leases
-- ARGV  1 prefix of the queue's keys, 2 job id
-- Returns -1 if a worker has the request under a lease (offer-job.lua).
if redis.call('ZSCORE', KEYS[3], ARGV[2]) then return -1 end
local owner = string.match(redis.call('HGET', KEYS[1], 'turn') or '', ' (%S+)$')
if not owner then return 0 end
local own = ARGV[1] .. 'turn:' .. owner
local left = redis.call('ZREM', own, ARGV[2])
if redis.call('EXISTS', own) == 0 then redis.call('ZREM', KEYS[2], owner) end
return left
