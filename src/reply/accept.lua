-- Writes the record and the body of a request. Does nothing if the record exists.
-- With an idempotency key: joins the request that has the key, unless that one failed, was cancelled or is forgotten.
--
-- KEYS  1 record, 2 body[, 3 idempotency key]
-- ARGV  1 spec (JSON), 2 body, '' if it was sent before as it is large, 3 time to live, ms[, 4 fingerprint, 5 idempotency key's
--       time to live, ms, 6 request id, 7 prefix of records in this shard]
-- Returns {'accepted'[, 1 if the record is new]}, {'joined', request id}, {'conflict'}, or an error if the body is missing.
local is_apart = ARGV[2] == ''
local state = redis.call('HGET', KEYS[1], 'state')
-- Only in a cluster, whose nodes may redirect the one but not the other.
if is_apart and not state and redis.call('EXISTS', KEYS[2]) == 0 then
  return redis.error_reply('TRYAGAIN the body of the request has not arrived')
end
local function joined(reply)
  if is_apart then redis.call('UNLINK', KEYS[2]) end
  return reply
end
-- The same commands, resent after a lost connection: the body too.
local function accepted_before()
  if is_apart and state and state ~= 'done' then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
  return {'accepted'}
end
if KEYS[3] then
  local known = redis.call('GET', KEYS[3])
  if known then
    local fingerprint, other = string.match(known, '^(%S+) (%S+)$')
    if other == ARGV[6] then return accepted_before() end
    local record = redis.call('HMGET', ARGV[7] .. other, 'state', 'outcome', 'cancelled')
    local of_other, outcome, cancelled = record[1], record[2], record[3]
    if of_other == 'done' and outcome == 'ok' or of_other and of_other ~= 'done' and not cancelled then
      if fingerprint ~= ARGV[4] then return joined({'conflict'}) end
      return joined({'joined', other})
    end
  end
  redis.call('SET', KEYS[3], ARGV[4] .. ' ' .. ARGV[6], 'PX', ARGV[5])
end
if state then return accepted_before() end
redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'step', 0, 'attempts', 0, 'state', 'queued')
if KEYS[3] then redis.call('HSET', KEYS[1], 'listeners', 1) end
if is_apart then redis.call('PEXPIRE', KEYS[2], ARGV[3])
else redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'accepted', 1}
