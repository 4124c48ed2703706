-- Closes an attempt: gives its permit back, corrects the token windows by what was really used, and hands its ledger
-- entry to the writer. The entry is handed over also when the attempt was closed before (its lease had run out and the
-- reaper wrote it as unsettled): the writer replaces an unsettled entry by a settled one, and nothing else.
--
-- KEYS  1 open attempts, 2 open leases, 3 ledger stream, 4 pace of what was called,
--       then per scope: window, leases, room, presence
-- ARGV  1 attempt id, 2 ledger message or '' when no call was made, 3 slice of the start, 4 tokens reserved,
--       5 tokens used, 6 channel of freed scopes, 7 how long the permit was held, ms, or '' where nobody
--       asks, 8 batch lane 0/1, then per scope: its name, tokens per minute (0: no limit)
-- Gives 1 when the attempt was open, else 0.
local attempt, slice = ARGV[1], ARGV[3]
-- As in permit.lua.
local BATCH_SHARE = 0.97
-- The pace is the mean of about so many calls.
local PACE_CALLS = 50
local PACE_TTL_MS = 86400000
-- As in line-enter.lua.
local MAX_TOKENS = 1000000000
local function tokens_of(value, otherwise) return math.max(0, math.min(MAX_TOKENS, whole(value, otherwise))) end
local reserved = tokens_of(ARGV[4], 0)
local used = tokens_of(ARGV[5], reserved)
local correction = used - reserved

-- Order matters here: a script that fails is not undone, and nobody else writes this entry.
if ARGV[2] ~= '' then redis.call('XADD', KEYS[3], '*', 'e', ARGV[2]) end
local was_open = redis.call('HDEL', KEYS[1], attempt)
if was_open == 1 then
  redis.call('ZREM', KEYS[2], attempt)
  for i = 1, (#KEYS - 4) / 4 do
    local k = 5 + (i - 1) * 4
    local window, leases, room = KEYS[k], KEYS[k + 1], KEYS[k + 2]
    local freed = redis.call('ZREM', leases, attempt)
    if correction ~= 0 and redis.call('HEXISTS', window, 'r' .. slice) == 1 then
      redis.call('HINCRBY', window, 't' .. slice, digits(correction))
      redis.call('HINCRBY', window, 'T', digits(correction))
      local tpm, paced = tonumber(ARGV[8 + i * 2]), redis.call('HGET', window, 'pt')
      if ARGV[8] == '1' and tpm > 0 and paced then
        redis.call('HSET', window, 'pt', tonumber(paced) + correction * 60000 / (tpm * BATCH_SHARE))
      end
      if correction < 0 then freed = 1 end
    end
    if freed == 1 and redis.call('EXISTS', room) == 1 then redis.call('SPUBLISH', ARGV[6], ARGV[7 + i * 2]) end
  end
end
if was_open == 1 and ARGV[2] ~= '' and ARGV[7] ~= '' then
  local pace = redis.call('HMGET', KEYS[4], 'calls', 'ms', 'share')
  local calls = math.min(PACE_CALLS, tonumber(pace[1] or 0) + 1)
  local ms, share = tonumber(pace[2] or 0), tonumber(pace[3] or 0)
  ms = ms + (tonumber(ARGV[7]) - ms) / calls
  share = share + (used / math.max(1, reserved) - share) / calls
  redis.call('HSET', KEYS[4], 'calls', calls, 'ms', ms, 'share', share)
  redis.call('PEXPIRE', KEYS[4], PACE_TTL_MS)
end
return was_open
