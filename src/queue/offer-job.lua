-- Gives a new job to a worker that waits for work, as if it had taken it: in the list of jobs that are worked on, under its
-- lock, with one start (src/queue/bullmq-layout.ts). Jobs that wait come first. The worker in the process of the API that asks is
-- preferred, as long as it has half as much room as the one that has most.
--
-- KEYS  1 free workers, 2 waiting jobs, 3 jobs that take turns, 4 meta, 5 jobs that are worked on, 6 job, 7 its lock
-- ARGV  1 channel prefix of workers, 2 prefix of their signs of life, 3 job id, 4 data (JSON), 5 options (JSON), 6 now, unix
--       ms, 7 lock, ms, 8 when this was sent, unix ms by the clock of Redis,
--       9 the worker in the same process, or '', 10 '1': no other gets it, 11 its turn, for when it comes back, or ''
-- Gives the worker, or false: the job must wait.

-- Each that is looked at in vain is gone, or stands still; a worker that is well says so again within a second.
local MOST_LOOKED_AT = 8
-- What arrives later stood in front of a Redis that was frozen or away. Its client has been refused by then: the job is queued,
-- where the cancellation that comes behind it finds it.
local FRESH_MS = 500
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[8]) > FRESH_MS then return false end
if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[6]) > 0 then return false end
local settings = redis.call('HMGET', KEYS[4], 'paused', 'concurrency', 'max')
if settings[1] or settings[2] or settings[3] then return false end
local function give(worker)
  redis.call('ZINCRBY', KEYS[1], -1, worker)
  redis.call('HSET', KEYS[6], 'name', 'request', 'data', ARGV[4], 'opts', ARGV[5], 'timestamp', ARGV[6], 'delay', '0',
    'priority', '0', 'processedOn', ARGV[6], 'ats', '1', 'turn', ARGV[11])
  redis.call('LPUSH', KEYS[5], ARGV[3])
  redis.call('SET', KEYS[7], worker, 'PX', ARGV[7])
  return worker
end
local near = ARGV[9] ~= '' and tonumber(redis.call('ZSCORE', KEYS[1], ARGV[9]) or 0) or 0
if ARGV[10] == '1' and near < 1 then return false end
for _ = 1, MOST_LOOKED_AT do
  local best = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  local worker = best[1]
  if not worker or tonumber(best[2]) < 1 then return false end
  -- It is well: it asks.
  if near >= 1 and (ARGV[10] == '1' or near * 2 >= tonumber(best[2])) then return give(ARGV[9]) end
  local is_well = redis.call('EXISTS', ARGV[2] .. worker) == 1
  if is_well and redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1] .. worker)[2] > 0 then
    return give(worker)
  end
  redis.call('ZREM', KEYS[1], worker)
end
return false
