-- Takes one permit in every scope of an attempt (provider, deployment, API key), or in none.
--
-- A scope's window counts starts and tokens of the last minute in slices of SLICE_MS. A slice is dropped KEEP_SLICES
-- after it began, 200 to 400 ms later than a full minute, so that a provider's own sliding window, seen through a jittery
-- network, never holds more than ours does. `R` and `T` are the sums over the slices present, `h` the oldest of them.
--
-- Whoever is refused stands in the scope's room, ordered by turn; while someone with an earlier turn stands there, and
-- has been seen lately, nobody later passes. Whoever passes tells the one behind it that its turn has come. The
-- interactive lane's turns all come before the batch lane's.
--
-- A provider that claimed a longer wait than it is believed (block.lua) gets one call, the trial, and then none for TRIAL_MS.
--
-- Whoever is let through leaves the lines in which the API tier counted it (line-enter.lua).
--
-- KEYS  1 open attempts, 2 open leases, 3 tokens of lines, 4 served of lines,
--       then per scope: window, leases, room, presence; then the lines
-- ARGV  1 attempt id, 2 member in rooms, 3 turn, 4 tokens, 5 lease ms, 6 entry if never closed, 7 batch lane 0/1,
--       8 channel of freed scopes,
--       then per scope: name, requests per minute, tokens per minute, concurrency (0: no limit)
-- Gives {1, slice, 1 for a trial} or {0, wait ms, reason, scope index, number waiting before, ms from that place to the next, rounded
-- down: 0 where nothing tells}.
local SLICE_MS = 200
local KEEP_SLICES = 302
local WINDOW_TTL_MS = 130000
local PRESENCE_MS = 3000
-- The batch lane leaves this share of a window to the interactive lane, and spreads its own starts over the minute.
local BATCH_SHARE = 0.97
local BATCH_BURST_MS = 1000
-- A window that was full a moment ago (`full`) lets no more than this part of its requests through per slice, all of them
-- in ten seconds: a burst that reached the provider a little late must not be followed, a minute later, by one that is on
-- time. Bursts of small limits are not late. The batch lane has a pace of its own.
local DRAIN_PART = 1 / 50
local DRAIN_FROM = 100
local DRAIN_MS = 2000
-- How soon to ask again where no time can be computed: a turn or a held permit ends without notice.
local POLL_MS = 50
-- Between two trials of which the first has not ended.
local TRIAL_MS = 5000
-- As in line-enter.lua. A client's max_tokens may be any number.
local MAX_TOKENS = 1000000000

local open, open_leases = KEYS[1], KEYS[2]
local attempt, member, turn = ARGV[1], ARGV[2], tonumber(ARGV[3])
local tokens = math.max(0, math.min(MAX_TOKENS, whole(ARGV[4], 0)))
local lease_ms, is_batch = tonumber(ARGV[5]), ARGV[7] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slice = math.floor(now / SLICE_MS)

-- Granted before: the same command, sent again after a lost connection (attempt ids are never shared).
if redis.call('HEXISTS', open, attempt) == 1 then return {1, slice} end

-- Drops expired slices; gives the sums of what is left.
local function advance(window, head, requests, used)
  if head == nil then return 0, 0 end
  if slice - head >= 2 * KEEP_SLICES then
    local state = redis.call('HMGET', window, 'blocked', 'claimed')
    local blocked, claimed = tonumber(state[1] or 0), tonumber(state[2] or 0)
    redis.call('DEL', window)
    if math.max(blocked, claimed) > now then
      redis.call('HSET', window, 'blocked', blocked, 'claimed', claimed)
      redis.call('PEXPIREAT', window, math.max(blocked, claimed))
    end
    return 0, 0
  end
  local first = head
  while head <= slice - KEEP_SLICES and (requests > 0 or used > 0) do
    local counts = redis.call('HMGET', window, 'r' .. head, 't' .. head)
    if counts[1] then
      requests = requests - tonumber(counts[1])
      used = used - tonumber(counts[2] or 0)
      redis.call('HDEL', window, 'r' .. head, 't' .. head)
    end
    head = head + 1
  end
  if head <= slice - KEEP_SLICES then head = slice - KEEP_SLICES + 1 end
  if head ~= first then redis.call('HSET', window, 'h', head, 'R', requests, 'T', used) end
  return requests, used, head
end

-- Milliseconds until so many requests and tokens have left the window, and then from one place to the next: starts that
-- came as a burst leave it as one.
local function drain_ms(window, head, over_requests, over_tokens)
  local at = head
  local places = 1
  while at <= slice do
    local counts = redis.call('HMGET', window, 'r' .. at, 't' .. at)
    local for_tokens = tonumber(counts[2] or 0) / math.max(1, tokens)
    places = over_requests > 0 and tonumber(counts[1] or 0) or for_tokens
    over_requests = over_requests - tonumber(counts[1] or 0)
    over_tokens = over_tokens - tonumber(counts[2] or 0)
    if over_requests <= 0 and over_tokens <= 0 then break end
    at = at + 1
  end
  return (at + KEEP_SLICES) * SLICE_MS - now, math.floor(SLICE_MS / math.max(1, places))
end

-- Whether this slice has let through as many as one may of a window that was full.
local function drained(window, rpm)
  return tonumber(redis.call('HGET', window, 'r' .. slice) or 0) >= rpm * DRAIN_PART
end

local scopes = (#ARGV - 8) / 4
-- Scopes in whose room somebody stands: nearly none, as a rule.
local occupied = {}
-- Until when the provider has claimed to need, of scopes that have such a claim: nearly none either.
local claims = {}
local wait, reason, denying, spacing = 0, nil, 0, 0
local function deny(index, ms, why, between)
  if reason == nil or ms > wait then wait, reason, denying, spacing = ms, why, index, between or 0 end
end

for i = 1, scopes do
  local k, a = 5 + (i - 1) * 4, 10 + (i - 1) * 4
  local window, leases, room, presence = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local rpm, tpm, concurrency = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local state = redis.call('HMGET', window, 'blocked', 'h', 'R', 'T', 'pr', 'pt', 'full', 'claimed')
  local first = redis.call('ZRANGE', room, 0, 0, 'WITHSCORES')
  occupied[i] = first[1] ~= nil
  if state[1] and tonumber(state[1]) > now then deny(i, tonumber(state[1]) - now, 'blocked') end
  if state[8] and tonumber(state[8]) > now then claims[i] = tonumber(state[8]) end
  if rpm > 0 or tpm > 0 then
    local requests, used, head = advance(window, tonumber(state[2]), tonumber(state[3] or 0), tonumber(state[4] or 0))
    local share = is_batch and BATCH_SHARE or 1
    local max_requests, max_tokens = math.max(1, math.floor(rpm * share)), math.floor(tpm * share)
    local over_requests = rpm > 0 and requests + 1 - max_requests or 0
    -- A request larger than the whole limit runs alone in an empty window: the provider, not the broker, refuses it.
    local over_tokens = tpm > 0 and used + math.min(tokens, max_tokens) - max_tokens or 0
    if over_requests > 0 or over_tokens > 0 then
      local ms, between = drain_ms(window, head, over_requests, over_tokens)
      deny(i, ms, over_requests > 0 and 'requests' or 'tokens', between)
      if not is_batch and rpm >= DRAIN_FROM then redis.call('HSET', window, 'full', now) end
    elseif not is_batch and rpm >= DRAIN_FROM and now - tonumber(state[7] or 0) < DRAIN_MS and drained(window, rpm) then
      redis.call('HSET', window, 'full', now)
      deny(i, (slice + 1) * SLICE_MS - now, 'requests', math.floor(SLICE_MS / (rpm * DRAIN_PART)))
    elseif is_batch then
      if rpm > 0 and tonumber(state[5] or 0) > now + BATCH_BURST_MS then
        deny(i, math.ceil(tonumber(state[5]) - now - BATCH_BURST_MS), 'requests', math.floor(60000 / (rpm * BATCH_SHARE)))
      elseif tpm > 0 and tonumber(state[6] or 0) > now + BATCH_BURST_MS then
        local between = math.floor(tokens * 60000 / (tpm * BATCH_SHARE))
        deny(i, math.ceil(tonumber(state[6]) - now - BATCH_BURST_MS), 'tokens', between)
      end
    end
  end
  if concurrency > 0 then
    redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
    if redis.call('ZCARD', leases) >= concurrency then deny(i, POLL_MS, 'concurrency') end
  end
  while first[1] and first[1] ~= member and tonumber(first[2]) < turn do
    local seen = redis.call('ZSCORE', presence, first[1])
    if seen and tonumber(seen) > now - PRESENCE_MS then
      deny(i, POLL_MS, 'turn')
      break
    end
    redis.call('ZREM', room, first[1])
    redis.call('ZREM', presence, first[1])
    first = redis.call('ZRANGE', room, 0, 0, 'WITHSCORES')
  end
end

for i = 1, scopes do
  local room, presence = KEYS[5 + (i - 1) * 4 + 2], KEYS[5 + (i - 1) * 4 + 3]
  if i == denying then
    redis.call('ZADD', room, turn, member)
    redis.call('ZADD', presence, now, member)
    redis.call('PEXPIRE', room, WINDOW_TTL_MS)
    redis.call('PEXPIRE', presence, WINDOW_TTL_MS)
  elseif redis.call('ZREM', room, member) == 1 then
    redis.call('ZREM', presence, member)
  end
end
if denying > 0 then
  local place = redis.call('ZRANK', KEYS[5 + (denying - 1) * 4 + 2], member)
  return {0, math.max(1, wait), reason, denying, place, spacing}
end

for i = 1, scopes do
  local k, a = 5 + (i - 1) * 4, 10 + (i - 1) * 4
  local window = KEYS[k]
  local rpm, tpm, concurrency = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  if rpm > 0 or tpm > 0 then
    if redis.call('HINCRBY', window, 'r' .. slice, 1) == 1 then
      redis.call('HSETNX', window, 'h', slice)
      redis.call('PEXPIRE', window, WINDOW_TTL_MS)
    end
    redis.call('HINCRBY', window, 'R', 1)
    redis.call('HINCRBY', window, 't' .. slice, digits(tokens))
    redis.call('HINCRBY', window, 'T', digits(tokens))
    if is_batch then
      local paced = redis.call('HMGET', window, 'pr', 'pt')
      if rpm > 0 then
        redis.call('HSET', window, 'pr', math.max(tonumber(paced[1] or 0), now) + 60000 / (rpm * BATCH_SHARE))
      end
      if tpm > 0 then
        -- A reservation far above the limit must not close the lane for longer than the window itself would.
        local next_at = math.max(tonumber(paced[2] or 0), now) + tokens * 60000 / (tpm * BATCH_SHARE)
        redis.call('HSET', window, 'pt', math.min(next_at, now + 60000))
      end
    end
  end
  if concurrency > 0 then
    redis.call('ZADD', KEYS[k + 1], now + lease_ms, attempt)
    redis.call('PEXPIRE', KEYS[k + 1], lease_ms * 2)
  end
  local next_one = occupied[i] and redis.call('ZRANGE', KEYS[k + 2], 0, 0)[1]
  if next_one then redis.call('SPUBLISH', ARGV[8], ARGV[a - 1] .. '\n' .. next_one) end
end
for k = 5 + scopes * 4, #KEYS do
  if redis.call('ZREM', KEYS[k], member .. ' ' .. ARGV[4]) == 1 then
    redis.call('HINCRBY', KEYS[3], KEYS[k], digits(-tokens))
    redis.call('HINCRBY', KEYS[4], KEYS[k], 1)
  end
end
for i, claimed in pairs(claims) do
  redis.call('HSET', KEYS[5 + (i - 1) * 4], 'blocked', math.min(claimed, now + TRIAL_MS))
end
redis.call('HSET', open, attempt, ARGV[6])
redis.call('ZADD', open_leases, now + lease_ms, attempt)
return {1, slice, next(claims) and 1 or 0}
