-- A worker's sign of life, with its room in each of its queues. Between two such calls the scripts that hand over, take and
-- finish jobs keep the count; this script corrects errors in it. It also turns requests whose lease is not renewed
-- (offer-job.lua) into jobs, like those that BullMQ finds stalled.
--
-- KEYS  1 its sign of life, then per listed queue: free workers; then the leases of all of its queues
-- ARGV  1 worker, 2 how long the sign lasts, ms, 3 options of a job (JSON), 4 number of listed queues, then for each of these: its
--       room (used if the worker is not listed yet), correction
-- Returns {counted room per listed queue, correction included}, {place among the leases' keys (from 1), number of lost leases} of
-- the queues that lost some, one after the other, and 1 if the sign had not expired, else 0: its worker may have been removed from
-- any list since.

-- After Redis was frozen, all leases have expired: workers get this long to renew them. The score of a suspected lease is minus
-- the time (unix ms) from which it was suspected.
local SUSPECTED_MS = 1000
local MOST_AT_ONCE = 100
local was_alive = redis.call('SET', KEYS[1], '1', 'PX', ARGV[2], 'GET')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- The job counts as started once and stalled once.
local function become_job(base, id)
  local request, step = string.match(id, '^(.+)-(%d+)$')
  if not request or redis.call('EXISTS', base .. id) == 1 then return end
  local data = '{"requestId":"' .. request .. '","step":' .. step .. '}'
  redis.call('HSET', base .. id, 'name', 'request', 'data', data, 'opts', ARGV[3], 'timestamp', now, 'delay', '0', 'priority', '0',
    'processedOn', now, 'ats', '1', 'stc', '1')
  redis.call('RPUSH', base .. 'wait', id)
end

local function bring_back_lost(leases)
  local base = string.match(leases, '^(.*:)[^:]+$')
  local lost = redis.call('ZRANGEBYSCORE', leases, SUSPECTED_MS - now, '(0', 'LIMIT', 0, MOST_AT_ONCE)
  for _, id in ipairs(lost) do
    redis.call('ZREM', leases, id)
    become_job(base, id)
  end
  if #lost > 0 and redis.call('HEXISTS', base .. 'meta', 'paused') == 0 then redis.call('ZADD', base .. 'marker', 0, '0') end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, 0, now, 'LIMIT', 0, MOST_AT_ONCE)) do
    redis.call('ZADD', leases, 'XX', -now, id)
  end
  return #lost
end

local listed = tonumber(ARGV[4])
local counted, lost = {}, {}
for k = 2, listed + 1 do
  local room = redis.call('ZSCORE', KEYS[k], ARGV[1])
  local a = 2 * k + 1
  if not room then
    redis.call('ZADD', KEYS[k], ARGV[a], ARGV[1])
    room = ARGV[a]
  elseif ARGV[a + 1] ~= '0' then
    room = redis.call('ZINCRBY', KEYS[k], ARGV[a + 1], ARGV[1])
  end
  counted[#counted + 1] = tonumber(room)
end
-- Most queues have no requests: they are looked at in groups.
local GROUP = 500
for from = listed + 2, #KEYS, GROUP do
  local to = math.min(from + GROUP - 1, #KEYS)
  if redis.call('EXISTS', unpack(KEYS, from, to)) > 0 then
    for k = from, to do
      local gone = redis.call('EXISTS', KEYS[k]) == 1 and bring_back_lost(KEYS[k]) or 0
      if gone > 0 then
        lost[#lost + 1] = k - listed - 1
        lost[#lost + 1] = gone
      end
    end
  end
end
return {counted, lost, was_alive and 1 or 0}
