-- Writes the record and the body of a request. Does nothing if the record exists.
-- With an idempotency key: joins the request that has the key, unless that one failed, was cancelled or is forgotten.
--
-- KEYS  1 record[, 2 idempotency key]
-- ARGV  1 spec (JSON), 2 body, '' if it was sent before, 3 time to live, ms, 4 '' or bytes that were sent before, bytes of each
--       piece and their key[, 5 fingerprint, 6 idempotency key's time to live, ms, 7 request id, 8 prefix of records
--       in this shard]
--       As a part of hand-over.lua also `find_worker`: called for a new record, returns the worker that has it from the start, or
--       false.
-- Returns {'accepted'[, 1 if the record is new[, its worker]]}, {'joined', request id}, {'conflict'}, or an error if the body is
-- missing.
local body = string.gsub(KEYS[1], '}:req:', '}:body:', 1)
-- Not sent to the body's own key: if it is sent again after a lost connection, a worker may be reading the first one.
local sent_bytes, piece_bytes, sent = string.match(ARGV[4], '^(%d+) (%d+) (.+)$')
local is_apart = sent ~= nil
local function with_body_unused(reply)
  if is_apart then redis.call('UNLINK', sent) end
  return reply
end
local is_known = redis.call('EXISTS', KEYS[1]) == 1
-- A word of our own: ioredis sends a command again after TRYAGAIN, which would find nothing, because the body is removed here.
-- A piece may have been refused (memory is full), or may have gone to another server (a failover, a slot that moves).
local function is_whole()
  if redis.call('STRLEN', sent) ~= tonumber(sent_bytes) then return false end
  for at = 0, tonumber(sent_bytes) - 1, tonumber(piece_bytes) do
    if redis.call('GETRANGE', sent, at, at) == '\0' then return false end
  end
  return true
end
if is_apart and not is_known and not is_whole() then
  return with_body_unused(redis.error_reply('BODYLOST the body of the request has not arrived whole'))
end
if KEYS[2] then
  local known = redis.call('GET', KEYS[2])
  if known then
    local fingerprint, other = string.match(known, '^(%S+) (%S+)$')
    -- The same command, resent after a lost connection.
    if other == ARGV[7] then return with_body_unused({'accepted'}) end
    local record = redis.call('HMGET', ARGV[8] .. other, 'state', 'outcome', 'cancelled')
    local state, outcome, cancelled = record[1], record[2], record[3]
    if state == 'done' and outcome == 'ok' or state and state ~= 'done' and not cancelled then
      if fingerprint ~= ARGV[5] then return with_body_unused({'conflict'}) end
      return with_body_unused({'joined', other})
    end
  end
  redis.call('SET', KEYS[2], ARGV[5] .. ' ' .. ARGV[7], 'PX', ARGV[6])
end
if is_known then return with_body_unused({'accepted'}) end
local worker = ARGV.find_worker and ARGV.find_worker()
if worker then
  redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'step', '0', 'attempts', '1', 'state', 'running', 'owner', worker)
else
  redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'step', '0', 'attempts', '0', 'state', 'queued')
end
if KEYS[2] then redis.call('HSET', KEYS[1], 'listeners', 1) end
if is_apart then
  redis.call('RENAME', sent, body)
  redis.call('PEXPIRE', body, ARGV[3])
else
  redis.call('SET', body, ARGV[2], 'PX', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'accepted', 1, worker}
