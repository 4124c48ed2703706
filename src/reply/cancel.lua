-- Marks a request as cancelled and notifies the worker that owns it. May be called again until the outcome arrives.
--
-- KEYS  1 record
-- ARGV  1 request id, 2 channel prefix of the shard's workers
-- Returns {'done'}, {'running', worker} or {'queued', step, progress (JSON, or '')}.
local record = redis.call('HMGET', KEYS[1], 'state', 'owner', 'step', 'progress')
if not record[1] or record[1] == 'done' then return {'done'} end
redis.call('HSET', KEYS[1], 'cancelled', 1)
if record[2] then
  redis.call('SPUBLISH', ARGV[2] .. record[2], ARGV[1])
  return {'running', record[2]}
end
return {'queued', record[3], record[4] or ''}
