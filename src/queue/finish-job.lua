-- Removes a completed BullMQ job, as its moveToFinished does with `removeOnComplete` (src/queue/bullmq-layout.ts), or the lease
-- of a request without a job (offer-job.lua). Before that, the end of the request is written in the same step (`close_books`);
-- after it, the next job is taken (`take_job`).
--
-- KEYS  1 to 7 as in take-job.lua, 8 job, 9 its lock, 10 jobs suspected of being stalled, then those of close_books;
--       without a job: 8 leases, then those of close_books
-- ARGV  1 job id, 2 '1' to take the next one, 3 number of take_job's arguments, 4 '1' without a job, then take_job's arguments,
--       then those of close_books
-- Returns {reply of take_job, or {'none', 0}, or {'lost'} if another worker has the job; reply of close_books}.
local first = 5
local last = first - 1 + tonumber(ARGV[3])
local is_leased = ARGV[4] == '1'
local closed = close_books and close_books({unpack(KEYS, is_leased and 9 or 11)}, {unpack(ARGV, last + 1)}) or false
-- close_books may return its error instead of raising it.
if type(closed) == 'table' and closed.err then return closed end
if is_leased then
  if redis.call('ZREM', KEYS[8], ARGV[1]) == 0 then return {{'lost'}, closed} end
else
  if redis.call('GET', KEYS[9]) ~= ARGV[first + 2] then return {{'lost'}, closed} end
  redis.call('LREM', KEYS[2], -1, ARGV[1])
  redis.call('SREM', KEYS[10], ARGV[1])
  redis.call('UNLINK', KEYS[8], KEYS[9])
end
redis.call('ZADD', KEYS[7], 'XX', 'INCR', 1, ARGV[first + 4])
-- Delayed jobs that are due are left to the fetcher.
if ARGV[2] == '1' and redis.call('EXISTS', KEYS[1], KEYS[6]) > 0 then
  return {take_job({unpack(KEYS, 1, 7)}, {unpack(ARGV, first, last)}), closed}
end
return {{'none', 0}, closed}
