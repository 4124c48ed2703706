-- Puts a request under a lease (offer-job.lua) into its queue, as a job that was started once: immediately, before all others, or
-- delayed (src/queue/bullmq-layout.ts).
--
-- KEYS  1 leases, 2 job, 3 waiting jobs, 4 marker, 5 meta, 6 delayed jobs
-- ARGV  1 job id, 2 data (JSON), 3 options (JSON), 4 now, unix ms, 5 its turn or '', 6 when it is due, unix ms, or '': now
-- Returns 1, or 0 if the lease was lost: it is already a job.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local due = tonumber(ARGV[6])
redis.call('HSET', KEYS[2], 'name', 'request', 'data', ARGV[2], 'opts', ARGV[3], 'timestamp', ARGV[4], 'delay',
  due and math.max(0, due - tonumber(ARGV[4])) or 0, 'priority', '0', 'processedOn', ARGV[4], 'ats', '1',
  unpack(ARGV[5] ~= '' and {'turn', ARGV[5]} or {}))
if due then
  redis.call('ZADD', KEYS[6], due * 0x1000, ARGV[1])
  local first = redis.call('ZRANGE', KEYS[6], 0, 0, 'WITHSCORES')
  redis.call('ZADD', KEYS[4], math.floor(tonumber(first[2]) / 0x1000), '1')
else
  redis.call('RPUSH', KEYS[3], ARGV[1])
  if redis.call('HEXISTS', KEYS[5], 'paused') == 0 then redis.call('ZADD', KEYS[4], 0, '0') end
end
return 1
