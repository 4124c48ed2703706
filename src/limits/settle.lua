-- Closes an attempt: releases its permit, corrects the windows by the actual usage and appends its ledger entry to the stream.
-- The entry is appended even if the attempt is already closed (its lease expired and the reaper wrote it as unsettled): the
-- ledger writer replaces an unsettled entry by a settled one, and nothing else.
--
-- KEYS  1 open attempts; the other keys begin like it (src/storage/keyspace.ts)
-- ARGV  1 attempt id, 2 ledger message or '' if no call was made, 3 slice of a minute in which it started, 4 tokens reserved,
--       5 tokens used, 6 how long the permit was held, ms, or '' if it is not sampled, 7 batch lane 0/1, 8 the called scope, then per
--       scope with anything to give back: its name, 1 if it holds a lease, number of corrections, then per correction: kind,
--       period ms, limit, amount reserved, amount used
-- Returns 1 if the attempt was open, else 0.
local attempt, minute_slice = ARGV[1], tonumber(ARGV[3])
local core = string.sub(KEYS[1], 1, -1 - #'open')
-- As in permit.lua.
local BATCH_SHARE = 0.97
local MINUTE_MS = 60000
-- The pace is the mean of about this many calls.
local PACE_CALLS = 50
local PACE_TTL_MS = 86400000
-- As in wait-enter.lua.
local MAX_TOKENS = 1000000000
local function tokens_of(value, otherwise) return math.max(0, math.min(MAX_TOKENS, whole(value, otherwise))) end

-- Returns whether the window has more room than before.
local function correct(window, at)
  local field, period, limit = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local reserved = tokens_of(ARGV[at + 3], 0)
  local change = tokens_of(ARGV[at + 4], reserved) - reserved
  local count_field = field .. math.floor(minute_slice * MINUTE_MS / period)
  local state = redis.call('HMGET', window, count_field, '+' .. field, 'p' .. field, 'paced', 'pacing')
  -- If its slice has left the window, so has the reservation.
  if change == 0 or not state[1] then return false end
  local fields = {
    count_field, digits(math.max(0, whole(state[1], 0) + change)),
    '+' .. field, digits(math.max(0, whole(state[2] or 0, 0) + change)),
  }
  if ARGV[7] == '1' and state[3] then
    fields[5], fields[6] = 'p' .. field, tonumber(state[3]) + change * period / (limit * BATCH_SHARE)
  end
  -- A start was paced by its reservation; what it did not use is given back to those that wait for the pace.
  local paced_by, rate = string.match(state[5] or '', '^(%S+) (%S+)$')
  if change < 0 and paced_by == field and state[4] and ARGV[7] == '0' then
    local n = #fields
    fields[n + 1], fields[n + 2] = 'paced', math.ceil(tonumber(state[4]) + change / tonumber(rate))
  end
  redis.call('HSET', window, unpack(fields))
  return change < 0
end

-- The entry comes first: a failing script is not rolled back, and nothing else writes this entry.
if ARGV[2] ~= '' then redis.call('XADD', core .. 'ledger', '*', 'e', ARGV[2]) end
local was_open = redis.call('HDEL', KEYS[1], attempt)
if was_open == 1 then
  redis.call('ZREM', core .. 'open-leases', attempt)
  local at = 9
  while ARGV[at] do
    local name, corrections = ARGV[at], tonumber(ARGV[at + 2])
    local is_freed = ARGV[at + 1] == '1' and redis.call('ZREM', core .. 'leases:' .. name, attempt) == 1
    for n = 1, corrections do
      if correct(core .. 'window:' .. name, at + 3 + (n - 1) * 5) then is_freed = true end
    end
    if is_freed and redis.call('EXISTS', core .. 'room:' .. name) == 1 then redis.call('SPUBLISH', core .. 'freed', name) end
    at = at + 3 + corrections * 5
  end
end
if was_open == 1 and ARGV[2] ~= '' and ARGV[6] ~= '' then
  local reserved = tokens_of(ARGV[4], 0)
  local used = tokens_of(ARGV[5], reserved)
  local key = core .. 'pace:' .. ARGV[8]
  local pace = redis.call('HMGET', key, 'calls', 'ms', 'share')
  local calls = math.min(PACE_CALLS, tonumber(pace[1] or 0) + 1)
  local ms, share = tonumber(pace[2] or 0), tonumber(pace[3] or 0)
  ms = ms + (tonumber(ARGV[6]) - ms) / calls
  share = share + (used / math.max(1, reserved) - share) / calls
  redis.call('HSET', key, 'calls', calls, 'ms', ms, 'share', share)
  redis.call('PEXPIRE', key, PACE_TTL_MS)
end
return was_open
