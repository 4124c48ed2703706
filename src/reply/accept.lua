-- Writes the record and the body of a request. Does nothing if the record exists.
-- With an idempotency key: joins the request that has the key, unless that one failed, was cancelled or is forgotten.
--
-- KEYS  1 record, 2 body[, 3 idempotency key]
-- ARGV  1 spec (JSON), 2 body, 3 time to live, ms[, 4 fingerprint, 5 idempotency key's time to live, ms, 6 request id,
--       7 prefix of records in this shard]
-- Returns {'accepted'[, 1 if the record is new]}, {'joined', request id} or {'conflict'}.
if KEYS[3] then
  local known = redis.call('GET', KEYS[3])
  if known then
    local fingerprint, other = string.match(known, '^(%S+) (%S+)$')
    if other == ARGV[6] then return {'accepted'} end -- the same command, resent after a lost connection
    local record = redis.call('HMGET', ARGV[7] .. other, 'state', 'outcome', 'cancelled')
    local state, outcome, cancelled = record[1], record[2], record[3]
    if state == 'done' and outcome == 'ok' or state and state ~= 'done' and not cancelled then
      if fingerprint ~= ARGV[4] then return {'conflict'} end
      return {'joined', other}
    end
  end
  redis.call('SET', KEYS[3], ARGV[4] .. ' ' .. ARGV[6], 'PX', ARGV[5])
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'accepted'} end
redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'step', 0, 'attempts', 0, 'state', 'queued')
if KEYS[3] then redis.call('HSET', KEYS[1], 'listeners', 1) end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'accepted', 1}
