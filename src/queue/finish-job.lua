-- Ends a job of BullMQ that is done and leaves nothing behind, as its moveToFinished does with `removeOnComplete`
-- (src/queue/bullmq-layout.ts). What the request's books need is written in the same step (`close_books`), before the job
-- goes; and the next job is taken (`take_job`).
--
-- KEYS  1 to 6 as in take-job.lua, 7 job, 8 its lock, 9 jobs suspected of being stalled, then those of close_books
-- ARGV  1 job id, 2 '1' to take the next one, 3 how many arguments take_job has, then these, then those of close_books
-- Gives {'lost'} where another worker has the job, else what take_job gives, or {'none', 0}.
local last = 3 + tonumber(ARGV[3])
if close_books then close_books({unpack(KEYS, 10)}, {unpack(ARGV, last + 1)}) end
if redis.call('GET', KEYS[8]) ~= ARGV[6] then return {'lost'} end
redis.call('LREM', KEYS[2], -1, ARGV[1])
redis.call('SREM', KEYS[9], ARGV[1])
redis.call('UNLINK', KEYS[7], KEYS[8])
if ARGV[2] == '1' then return take_job({unpack(KEYS, 1, 6)}, {unpack(ARGV, 4, last)}) end
return {'none', 0}
