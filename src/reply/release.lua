-- A worker lets go of a request without an outcome: it goes back to the queue, or on to another step.
--
-- KEYS  1 record
-- ARGV  1 worker id, 2 step it held, 3 step that comes next, 4 progress (JSON), 5 '1' when the open attempt never
--       called a provider: its number is used again
-- Gives 1, or 0 when the request is no longer the worker's.
local record = redis.call('HMGET', KEYS[1], 'owner', 'step', 'state')
-- Done already: the same command, sent again after a lost connection.
if not record[1] and record[2] == ARGV[3] and record[3] == 'queued' then return 1 end
if record[1] ~= ARGV[1] or record[2] ~= ARGV[2] or record[3] == 'done' then return 0 end
redis.call('HDEL', KEYS[1], 'owner')
redis.call('HSET', KEYS[1], 'step', ARGV[3], 'state', 'queued', 'progress', ARGV[4])
if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
return 1
