-- Removes a completed BullMQ job, as its moveToFinished does with `removeOnComplete` (src/queue/bullmq-layout.ts), or the lease
-- of a request without a job (offer-job.lua). Before that, the end of the request is written in the same step (`close_books`);
-- after it, the next job is taken (`take_job`).
--
-- KEYS  1 and 2 as in take-job.lua, then those of close_books
-- ARGV  1 job id, 2 '1' to take the next one, 3 '1' without a job, 4 to 9 the arguments of take_job, then those of close_books
-- Returns {reply of take_job, or {'none', 0}, or {'lost'} if another worker has the job; reply of close_books}.
local base = ARGV[4]
local closed = close_books and close_books({unpack(KEYS, 3)}, {unpack(ARGV, 10)}) or false
-- close_books may return its error instead of raising it.
if type(closed) == 'table' and closed.err then return closed end
if ARGV[3] == '1' then
  if redis.call('ZREM', base .. 'leases', ARGV[1]) == 0 then return {{'lost'}, closed} end
else
  local job = base .. ARGV[1]
  if redis.call('GET', job .. ':lock') ~= ARGV[6] then return {{'lost'}, closed} end
  redis.call('LREM', base .. 'active', '-1', ARGV[1])
  redis.call('SREM', base .. 'stalled', ARGV[1])
  redis.call('UNLINK', job, job .. ':lock')
end
if ARGV[8] ~= '' then redis.call('ZADD', KEYS[2], 'XX', 'INCR', '1', ARGV[8]) end
-- Delayed jobs that are due are left to the fetcher.
if ARGV[2] == '1' and redis.call('EXISTS', KEYS[1], base .. 'prioritized') > 0 then
  return {take_job({KEYS[1], KEYS[2]}, {unpack(ARGV, 4, 9)}), closed}
end
return {{'none', 0}, closed}
