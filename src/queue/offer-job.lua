-- Gives a new request to a worker that waits for work. No job is made: a lease says who has it, which the worker renews
-- (renew-leases.lua) and ends (finish-job.lua, put-back.lua); one that runs out becomes a job (free-workers.lua). Jobs that
-- wait come first. The worker in the process of the API that asks is
-- preferred, as long as it has half as much room as the one that has most.
--
-- KEYS  1 free workers, 2 waiting jobs, 3 jobs that take turns, 4 meta, 5 leases
-- ARGV  1 channel prefix of workers, 2 prefix of their signs of life, 3 job id, 4 lease, ms, 5 when this was sent, unix ms by the
--       clock of Redis, 6 the worker in the same process, or '', 7 '1': no other gets it
-- Gives the worker, or false: it must wait.

-- Each that is looked at in vain is gone, or stands still; a worker that is well says so again within a second.
local MOST_LOOKED_AT = 8
-- What arrives later stood in front of a Redis that was frozen or away. Its client has been refused by then: the job is queued,
-- where the cancellation that comes behind it finds it.
local FRESH_MS = 500
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now - tonumber(ARGV[5]) > FRESH_MS or redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return false end
local settings = redis.call('HMGET', KEYS[4], 'paused', 'concurrency', 'max')
if settings[1] or settings[2] or settings[3] then return false end
local near = ARGV[6]
local function give(worker)
  if redis.call('ZADD', KEYS[5], 'NX', now + tonumber(ARGV[4]), ARGV[3]) == 0 then return false end
  redis.call('ZINCRBY', KEYS[1], -1, worker)
  return worker
end
local near_room
for _ = 1, MOST_LOOKED_AT do
  local best = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  local worker, room = best[1], tonumber(best[2])
  if not worker or room < 1 then return false end
  -- It is well: it asks.
  if worker == near then return give(near) end
  if near ~= '' then
    near_room = near_room or tonumber(redis.call('ZSCORE', KEYS[1], near) or 0)
    if near_room >= 1 and (ARGV[7] == '1' or near_room * 2 >= room) then return give(near) end
  end
  if ARGV[7] == '1' then return false end
  local is_well = redis.call('EXISTS', ARGV[2] .. worker) == 1
  if is_well and redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1] .. worker)[2] > 0 then return give(worker) end
  redis.call('ZREM', KEYS[1], worker)
end
return false
