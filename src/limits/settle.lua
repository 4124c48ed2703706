-- Closes an attempt: gives its permit back, corrects the token windows by what was really used, and hands its ledger
-- entry to the writer. The entry is handed over also when the attempt was closed before (its lease had run out and the
-- reaper wrote it as unsettled): the writer replaces an unsettled entry by a settled one, and nothing else.
--
-- KEYS  1 open attempts, 2 open leases, 3 ledger stream, then per scope: window, leases, room, presence
-- ARGV  1 attempt id, 2 ledger message or '' when no call was made, 3 slice of the start, 4 tokens reserved, 5 tokens used, 6 channel of freed scopes,
--       then per scope: its name
-- Gives 1 when the attempt was open, else 0.
local attempt, slice = ARGV[1], ARGV[3]
local correction = tonumber(ARGV[5]) - tonumber(ARGV[4])
local was_open = redis.call('HDEL', KEYS[1], attempt)
if was_open == 1 then
  redis.call('ZREM', KEYS[2], attempt)
  for i = 1, (#KEYS - 3) / 4 do
    local k = 4 + (i - 1) * 4
    local window, leases, room = KEYS[k], KEYS[k + 1], KEYS[k + 2]
    local freed = redis.call('ZREM', leases, attempt)
    if correction ~= 0 and redis.call('HEXISTS', window, 'r' .. slice) == 1 then
      redis.call('HINCRBY', window, 't' .. slice, correction)
      redis.call('HINCRBY', window, 'T', correction)
      if correction < 0 then freed = 1 end
    end
    if freed == 1 and redis.call('EXISTS', room) == 1 then redis.call('SPUBLISH', ARGV[6], ARGV[6 + i]) end
  end
end
if ARGV[2] ~= '' then redis.call('XADD', KEYS[3], '*', 'e', ARGV[2]) end
return was_open
