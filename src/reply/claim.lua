-- Claims a request for a delivery and opens its next attempt. From here on every earlier writer is refused, because the fence
-- entry has a higher id than anything it can write. A cancelled request is claimed too, so that it can be ended.
--
-- KEYS  1 record, 2 body, 3 log, 4 workers of the shard
-- ARGV  1 step of the job, 2 worker id, 3 how long a silent worker counts as alive, ms, 4 log's time to live, ms,
--       5 newest contract version that the worker reads, 6 longest body that is returned, bytes, 7 request id,
--       8 channel prefix of the shard's workers
-- Returns {'claimed', attempt, id of the last frame, fence id, cancelled, answered, progress, spec, body or ''}
-- or {'moved', step, spec, progress} or {'closed'} or {'done', outcome, spec, progress, attempts} or {reason[, detail]}.
local record = redis.call('HMGET', KEYS[1], 'spec', 'step', 'state', 'owner', 'cancelled', 'answered', 'progress', 'attempts')
local spec, step, state, owner = record[1], record[2], record[3], record[4]
if not spec then return {'gone'} end
-- The version is the first member of every spec. The request is left unchanged for a newer worker.
local version = tonumber(string.match(spec, '"version":(%d+)'))
if version and version > tonumber(ARGV[5]) then return {'newer', version} end
-- A silent owner is dead; one that is alive is asked whether it works on the request.
local function is_owned()
  local seen = redis.call('HGET', KEYS[4], owner)
  local time = redis.call('TIME')
  if not seen or tonumber(seen) <= time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3]) then return false end
  redis.call('SPUBLISH', ARGV[8] .. owner, '? ' .. ARGV[7])
  return true
end
if state == 'done' then
  -- Its owner closes its books before it lets the request go. Only if it died in between, another worker does.
  if owner == ARGV[2] or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return {'closed'} end
  if owner and is_owned() then return {'owned', owner} end
  return {'done', redis.call('HGET', KEYS[1], 'outcome') or 'ok', spec, record[7] or '', record[8] or 0}
end
if step ~= ARGV[1] then return {'moved', step, spec, record[7] or ''} end
-- Its own claim may arrive twice, as a resent command. Another owner may have given up this request without being able to record it.
if owner and owner ~= ARGV[2] and is_owned() then return {'owned', owner} end
local attempt = tonumber(record[8] or 0) + 1
redis.call('HSET', KEYS[1], 'attempts', attempt, 'owner', ARGV[2], 'state', 'running')
-- The last frame a reader can have seen: fences are never announced.
local before = '0-0'
for _, entry in ipairs(attempt > 1 and redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 32) or {}) do
  if entry[2][2] ~= 'fence' then
    before = entry[1]
    break
  end
end
local fence = redis.call('XADD', KEYS[3], attempt .. '-*', 'k', 'fence', 'm', '', 'b', '')
redis.call('PEXPIRE', KEYS[3], math.max(tonumber(ARGV[4]), redis.call('PTTL', KEYS[1])))
-- A request whose body is lost is claimed as well: it has a client that must be told. One byte more than is returned shows that
-- the body is longer.
local most = tonumber(ARGV[6])
local body = redis.call('GETRANGE', KEYS[2], '0', most)
return {'claimed', attempt, before, fence, record[5] or '', record[6] or '', record[7] or '', spec, #body <= most and body or ''}
