-- Releases a worker's request without an outcome: back to the queue, or on to another step.
--
-- KEYS  1 record
-- ARGV  1 worker id, 2 current step, 3 next step, 4 progress (JSON), 5 '1' if the open attempt never called a provider:
--       its number is reused
-- Returns 1, or 0 if the worker no longer owns the request.
local record = redis.call('HMGET', KEYS[1], 'owner', 'step', 'state')
-- Already released: the same command, resent after a lost connection.
if not record[1] and record[2] == ARGV[3] and record[3] == 'queued' then return 1 end
if record[1] ~= ARGV[1] or record[2] ~= ARGV[2] or record[3] == 'done' then return 0 end
redis.call('HDEL', KEYS[1], 'owner')
redis.call('HSET', KEYS[1], 'step', ARGV[3], 'state', 'queued', 'progress', ARGV[4])
if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
return 1
