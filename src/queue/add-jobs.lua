-- Adds plain jobs to a BullMQ queue, as its addStandardJob does for a job without delay, priority, parent or deduplication
-- (src/queue/bullmq-layout.ts). If others wait, a job with a turn takes turns with them (fair-turns.lua). Existing jobs, and
-- requests that a worker has under a lease (offer-job.lua), are left unchanged.
--
-- KEYS  1 waiting jobs, 2 marker, 3 meta, 4 jobs that take turns, 5 leases
-- ARGV  1 prefix of the jobs' keys, 2 now, unix ms, 3 options of every job (JSON), then per job: id, data (JSON), turn or ''
-- Returns the number of jobs added.
local added = 0
for a = 4, #ARGV, 3 do
  local id, turn = ARGV[a], ARGV[a + 2]
  local job = ARGV[1] .. id
  -- Usually nothing waits: one command checks that, and that the job is new.
  local found = redis.call('EXISTS', job, KEYS[1], KEYS[4], KEYS[5])
  if found == 0 or redis.call('EXISTS', job) == 0 and not redis.call('ZSCORE', KEYS[5], id) then
    redis.call('HSET', job, 'name', 'request', 'data', ARGV[a + 1], 'opts', ARGV[3], 'timestamp', ARGV[2], 'delay', '0',
      'priority', '0', unpack(turn ~= '' and {'turn', turn} or {}))
    if found == 0 or turn == '' then
      redis.call('LPUSH', KEYS[1], id)
    else
      queue_job(ARGV[1], KEYS[1], KEYS[4], id, turn)
    end
    added = added + 1
  end
end
if added > 0 and redis.call('HEXISTS', KEYS[3], 'paused') == 0 then redis.call('ZADD', KEYS[2], 0, '0') end
return added
