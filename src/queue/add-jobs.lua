-- Adds plain jobs to a queue of BullMQ, as its addStandardJob does for a job without delay, priority, parent or
-- deduplication (src/queue/bullmq-layout.ts). A job that is there already is left as it is.
--
-- KEYS  1 waiting jobs, 2 marker, 3 meta
-- ARGV  1 prefix of the jobs' keys, 2 now, unix ms, 3 options of every job (JSON), then per job: id, data (JSON)
-- Gives how many were added.
local added = 0
for a = 4, #ARGV, 2 do
  local job = ARGV[1] .. ARGV[a]
  if redis.call('EXISTS', job) == 0 then
    redis.call('HSET', job, 'name', 'request', 'data', ARGV[a + 1], 'opts', ARGV[3], 'timestamp', ARGV[2], 'delay', '0',
      'priority', '0')
    redis.call('LPUSH', KEYS[1], ARGV[a])
    added = added + 1
  end
end
if added > 0 and redis.call('HEXISTS', KEYS[3], 'paused') == 0 then redis.call('ZADD', KEYS[2], 0, '0') end
return added
