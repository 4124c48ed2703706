-- Makes the first delayed jobs due immediately, as BullMQ's promote does for a plain job (src/queue/bullmq-layout.ts).
--
-- KEYS  1 waiting jobs, 2 marker, 3 meta, 4 jobs that take turns, 5 delayed jobs
-- ARGV  1 prefix of the jobs' keys, 2 how many at most
-- Returns how many.
local ids = redis.call('ZRANGE', KEYS[5], 0, tonumber(ARGV[2]) - 1)
local brought = bring_back(ARGV[1], KEYS[1], KEYS[4], ids)
if brought > 0 and redis.call('HEXISTS', KEYS[3], 'paused') == 0 then redis.call('ZADD', KEYS[2], 0, '0') end
return brought
