-- Fair turns in a queue of BullMQ: prepended to the scripts that queue and take jobs (src/queue/bullmq-layout.ts).
--
-- Start-time fair queueing over keys. `turns` has the owners whose jobs wait, each scored by where its next job starts on a
-- virtual clock; the lowest is next, and what its job costs moves it back. `turn:<owner>` has its jobs, in their own order.
-- `paid` has the clock (member '') and owners without waiting jobs whose last one ends ahead of the clock: one that asks for
-- one thing after the other does not get more than its share. All jobs are in BullMQ's set `prioritized` too, which is what
-- counts: a job that is not there any more was taken or removed otherwise, and a set that is lost costs fairness, and no job.

-- Longer than any deadline: what is left behind goes.
local TURN_TTL_MS = 90000000
local MOST_STALE = 100
-- Who is forgotten among more has its next turn a little early.
local MOST_OWNERS = 10000

local function join_turns(base, id, order, owner)
  redis.call('ZADD', base .. 'prioritized', order, id)
  redis.call('ZADD', base .. 'turn:' .. owner, order, id)
  redis.call('PEXPIRE', base .. 'turn:' .. owner, TURN_TTL_MS)
  local paid = redis.call('ZMSCORE', base .. 'paid', '', owner)
  local start = math.max(tonumber(paid[1]) or 0, tonumber(paid[2]) or 0)
  if redis.call('ZADD', base .. 'turns', 'NX', start, owner) == 1 then redis.call('PEXPIRE', base .. 'turns', TURN_TTL_MS) end
end

-- Where nothing waits there are no turns to take: it is next in any case. Gives nothing; the marker is the caller's.
local function queue_job(base, wait, prioritized, id, turn)
  local order, owner = string.match(turn or '', '^(%d+) %S+ (%S+)$')
  if not order or redis.call('EXISTS', wait, prioritized) == 0 then
    redis.call('LPUSH', wait, id)
  else
    join_turns(base, id, order, owner)
  end
end

-- Gives the job that is next, taken out, and whose turn it was and from where; or nothing.
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

-- What was put off and is due comes back among those that wait, in its own place among its owner's. Gives how many.
local function bring_back(base, wait, prioritized, ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', base .. 'delayed', id)
    redis.call('HSET', base .. id, 'delay', '0')
    queue_job(base, wait, prioritized, id, redis.call('HGET', base .. id, 'turn') or '')
  end
  return #ids
end
