-- Hands a new request to a free worker. No job is made: the request has a lease, which the worker renews (renew-leases.lua) and
-- ends (finish-job.lua, put-back.lua); if it expires, the request becomes a job (free-workers.lua). Waiting jobs come first. The
-- worker in the calling API process is preferred if it has at least half as much room as the worker with the most room.
--
-- KEYS  1 leases, whose name begins like those of the queue's other keys, 2 free workers
-- ARGV  1 channel prefix of workers, 2 prefix of their signs of life, 3 job id, 4 lease, ms, 5 when this was sent, unix ms by the
--       clock of Redis, 6 the worker in the same process, or ''; as a part of another script also `time`, by the clock of Redis
-- Returns the worker, or false if the request must wait.

-- A worker that is passed over is gone or stopped; a healthy worker lists itself again within two seconds.
local MOST_LOOKED_AT = 8
-- A call that arrives later was held up by a frozen or unreachable Redis. Its client has already been refused, so the request is
-- queued, where the cancellation that follows finds it.
local FRESH_MS = 500
local time = ARGV.time or redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local base = string.sub(KEYS[1], 1, -1 - #'leases')
if now - tonumber(ARGV[5]) > FRESH_MS then return false end
if redis.call('EXISTS', base .. 'wait', base .. 'prioritized') > 0 then return false end
local settings = redis.call('HMGET', base .. 'meta', 'paused', 'concurrency', 'max')
if settings[1] or settings[2] or settings[3] then return false end
local near = ARGV[6]
local function give(worker)
  if redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', now + tonumber(ARGV[4])), ARGV[3]) == 0 then return false end
  redis.call('ZINCRBY', KEYS[2], '-1', worker)
  return worker
end
local near_room
for _ = 1, MOST_LOOKED_AT do
  local best = redis.call('ZREVRANGE', KEYS[2], '0', '0', 'WITHSCORES')
  local worker, room = best[1], tonumber(best[2])
  if not worker or room < 1 then return false end
  -- Known to be alive: its own process makes this call.
  if worker == near then return give(near) end
  if near ~= '' then
    near_room = near_room or tonumber(redis.call('ZSCORE', KEYS[2], near) or 0)
    if near_room >= 1 and near_room * 2 >= room then return give(near) end
  end
  local is_well = redis.call('EXISTS', ARGV[2] .. worker) == 1
  if is_well and redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1] .. worker)[2] > 0 then return give(worker) end
  redis.call('ZREM', KEYS[2], worker)
end
return false
