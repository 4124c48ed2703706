-- Takes the next waiting job of a BullMQ queue, as its moveToActive does for a queue without a rate limit
-- (src/queue/bullmq-layout.ts), and claims its request in the same step if `claim_request` is defined. The list of waiting jobs
-- comes first: jobs that a worker gave back or died with, and jobs that were added while nothing else waited; then the fair turns
-- (fair-turns.lua). Due delayed jobs are returned to the queue first.
--
-- KEYS  1 waiting jobs, 2 free workers
-- ARGV  1 prefix of the queue's keys, 2 now, unix ms, 3 lock token, 4 lock, ms, 5 worker, '' if it is not listed as free,
--       6 arguments of claim_request, as JSON
-- Returns {'job', id, data, why BullMQ gave it up or '', 1 if more wait, when the next delayed one is due or 0, claim or false},
-- {'none', when the next delayed one is due or 0}, or {'other'} for cases that only BullMQ's own script handles.
local MOST_VANISHED = 100
local MOST_BROUGHT_BACK = 100
local base, wait, prioritized = ARGV[1], KEYS[1], ARGV[1] .. 'prioritized'
local active, delayed_jobs = base .. 'active', base .. 'delayed'
local settings = redis.call('HMGET', base .. 'meta', 'paused', 'concurrency', 'max')
if settings[1] or settings[2] or settings[3] then return {'other'} end
local now = tonumber(ARGV[2])
local delayed = redis.call('ZRANGE', delayed_jobs, 0, 0, 'WITHSCORES')
local function due_of(first) return first[2] and math.floor(tonumber(first[2]) / 0x1000) or 0 end
local due = due_of(delayed)
if due > 0 and due <= now then
  local ids = redis.call('ZRANGEBYSCORE', delayed_jobs, 0, (now + 1) * 0x1000 - 1, 'LIMIT', 0, MOST_BROUGHT_BACK)
  bring_back(base, wait, prioritized, ids)
  due = due_of(redis.call('ZRANGE', delayed_jobs, 0, 0, 'WITHSCORES'))
end
for _ = 1, MOST_VANISHED do
  local id, owner, start = redis.call('LMOVE', wait, active, 'RIGHT', 'LEFT')
  if not id then
    id, owner, start = next_turn(base)
    if not id then return redis.call('EXISTS', prioritized) == 1 and {'other'} or {'none', due} end
    redis.call('LPUSH', active, id)
  end
  local job = base .. id
  local fields = redis.call('HMGET', job, 'data', 'defa', 'ats', 'turn')
  if owner then pay_turn(base, owner, start, fields[4]) end
  if fields[1] then
    redis.call('SET', job .. ':lock', ARGV[3], 'PX', ARGV[4])
    local starts = tonumber(fields[3] or 0) + 1
    redis.call('HSET', job, 'processedOn', ARGV[2], 'ats', starts)
    if ARGV[5] ~= '' then redis.call('ZADD', KEYS[2], 'XX', 'INCR', '-1', ARGV[5]) end
    local more = math.min(1, redis.call('EXISTS', wait, prioritized))
    if more == 1 then redis.call('ZADD', base .. 'marker', '0', '0') end
    -- A job that was started before may still be running in this process, which must check that before it claims the request.
    local claim = false
    if claim_request and starts == 1 and not fields[2] then claim = claim_request(fields[1], cjson.decode(ARGV[6]), 1) end
    return {'job', id, fields[1], fields[2] or '', more, due, claim}
  end
  redis.call('LREM', active, 1, id)
end
return {'other'}
