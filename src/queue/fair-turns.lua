-- Fair turns in a BullMQ queue: prepended to the scripts that queue and take jobs (src/queue/bullmq-layout.ts).
--
-- Start-time fair queueing over keys. `turns` holds the owners with waiting jobs, scored by the virtual start time of their next
-- job; the lowest is next, and the cost of its job moves it back. `turn:<owner>` holds its jobs, scored by their order. `paid`
-- holds the virtual clock (member '') and the finish times of owners without waiting jobs whose last job ends after the clock, so
-- that adding jobs one by one gains nothing. All jobs are also in BullMQ's set `prioritized`, which is authoritative: a job
-- missing there was taken or removed by other means, and losing one of the other sets costs fairness but no job.

-- Longer than any deadline; leftovers expire.
local TURN_TTL_MS = 90000000
local MOST_STALE = 100
-- Beyond this, finish times are dropped; the next turn of a dropped owner comes slightly early.
local MOST_OWNERS = 10000

local function join_turns(base, id, order, owner)
  redis.call('ZADD', base .. 'prioritized', order, id)
  redis.call('ZADD', base .. 'turn:' .. owner, order, id)
  redis.call('PEXPIRE', base .. 'turn:' .. owner, TURN_TTL_MS)
  local paid = redis.call('ZMSCORE', base .. 'paid', '', owner)
  local start = math.max(tonumber(paid[1]) or 0, tonumber(paid[2]) or 0)
  if redis.call('ZADD', base .. 'turns', 'NX', start, owner) == 1 then redis.call('PEXPIRE', base .. 'turns', TURN_TTL_MS) end
end

-- If nothing else waits, the job is next in any case and goes to the wait list. Returns nothing; the caller adds the marker.
local function queue_job(base, wait, prioritized, id, turn)
  local order, owner = string.match(turn or '', '^(%d+) %S+ (%S+)$')
  if not order or redis.call('EXISTS', wait, prioritized) == 0 then
    redis.call('LPUSH', wait, id)
  else
    join_turns(base, id, order, owner)
  end
end

-- Removes the next job. Returns its id, its owner and the start of the turn (only the id if no owner is known); or nothing.
local function next_turn(base)
  for _ = 1, MOST_STALE do
    local first = redis.call('ZRANGE', base .. 'turns', 0, 0, 'WITHSCORES')
    local owner = first[1]
    if not owner then return redis.call('ZPOPMIN', base .. 'prioritized')[1] end
    local id = redis.call('ZPOPMIN', base .. 'turn:' .. owner)[1]
    if not id then
      redis.call('ZREM', base .. 'turns', owner)
    elseif redis.call('ZREM', base .. 'prioritized', id) == 1 then
      return id, owner, tonumber(first[2])
    end
  end
end

local function pay_turn(base, owner, start, turn)
  local finish = start + (tonumber(string.match(turn or '', '^%d+ (%S+)')) or 1)
  if redis.call('EXISTS', base .. 'turn:' .. owner) == 1 then
    redis.call('ZADD', base .. 'turns', finish, owner)
    redis.call('ZADD', base .. 'paid', start, '')
  else
    redis.call('ZREM', base .. 'turns', owner)
    if redis.call('EXISTS', base .. 'turns') == 0 then return redis.call('UNLINK', base .. 'paid') end
    redis.call('ZADD', base .. 'paid', start, '', finish, owner)
  end
  redis.call('ZREMRANGEBYSCORE', base .. 'paid', '-inf', '(' .. string.format('%.17g', start))
  redis.call('ZREMRANGEBYRANK', base .. 'paid', 1, -1 - MOST_OWNERS)
  redis.call('PEXPIRE', base .. 'paid', TURN_TTL_MS)
end

-- Returns due delayed jobs to the waiting ones, by their order among their owner's jobs. Returns how many.
local function bring_back(base, wait, prioritized, ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', base .. 'delayed', id)
    redis.call('HSET', base .. id, 'delay', '0')
    queue_job(base, wait, prioritized, id, redis.call('HGET', base .. id, 'turn') or '')
  end
  return #ids
end
