-- Takes one permit in every scope of an attempt (provider, deployment, API key), or in none.
-- A scope's window counts what was started in the last period, separately for each kind of limit, in SLICES slices of that
-- period: fields `<kind><slice>`, their sum `+<kind>`, the oldest slice `h<kind>`. A slice is dropped KEEP_SLICES after it
-- began, one to two slices later than the period, so that a provider's own sliding window, seen through a jittery network,
-- never holds more than ours does.
--
-- A denied request waits in the scope's room, ordered by turn: none passes while one with an earlier turn is there and has asked
-- within PRESENCE_MS; one that passes notifies the next. Turns follow start-time fair queueing (docs/decisions/2026-11-28-fair-turns.md):
-- `turns` holds a virtual clock and, for each owner (a key), the start of its next turn. Requests of an owner share that turn, in
-- the order with which their members begin. A stored turn is too early once its owner has taken another one; the call that finds
-- it corrects it. The interactive lane's turns come before the batch lane's, which are ordered by acceptance.
--
-- A window that several keys use is not given to one of them: permit-window.lua.
--
-- If a provider claims a longer wait than Sluice honours (block.lua), one trial call is let through, and then none for TRIAL_MS.
-- A hedge passes only if every scope has room and no request waits; if it is denied, it does not enter a room.
-- A request that gets its permit leaves the wait queues to which the API tier added it (permit-open.lua, which comes before this).
--
-- KEYS  1 open attempts; the other keys begin like it (src/storage/keyspace.ts): building them costs less than sending them
-- ARGV  1 attempt id, 2 member in rooms, 3 turn (batch lane only), 4 tokens, 5 lease ms, 6 entry if never closed, 7 batch lane 1,
--       hedge 2, else 0, 8 owner of the turn, 9 its cost, 10 member in wait queues, '' if it has just been accepted and is in none,
--       11 per scope the number of limits, with `+` if the scope has a wait queue, then per scope its name,
--       then per limit: kind, period ms (0: calls in flight), limit, amount (whole); as a part of another script also `time`, by
--       the clock of Redis
-- Returns {1, slice of a minute, 1 for a trial} or {0, wait ms, reason or kind, scope index, number waiting before, ms from that
-- place to the next, rounded down: 0 if unknown, 1 if others may pass}.
local PRESENCE_MS = 3000
local MOST_OWNERS = 10000 -- beyond this, owners are dropped; their next turn comes slightly early
-- The batch lane leaves this share of a window to the interactive lane, and spreads its own starts over the minute.
local BATCH_SHARE = 0.97
local BATCH_BURST_MS = 1000
-- A window that was recently full (`full`) lets at most this part of its requests through per slice, and so all of them in ten
-- seconds: a burst that reached the provider slightly late must not be followed, a minute later, by one that arrives on time.
-- Bursts of small limits are not late. The batch lane has its own pace.
local DRAIN_PART = 1 / 50
local DRAIN_FROM = 100
local DRAIN_MS = 2000
-- How soon to ask again if no time can be computed: turns and held permits end without notice.
local POLL_MS = 50
local TRIAL_MS = 5000 -- until the next trial, if the last one has not ended

local member, owner = ARGV[2], ARGV[8]
local function ttl_of(period) return 2 * period + 10000 end

local function read_kind(at)
  local field, period, limit = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local slice_ms = period / SLICES
  local slice = math.floor(now / slice_ms)
  return {
    field = field, period = period, limit = limit, amount = tonumber(ARGV[at + 3]), slice_ms = slice_ms, slice = slice,
    most = is_batch and math.max(1, math.floor(limit * BATCH_SHARE)) or limit,
    -- Only per-minute limits are spread.
    is_spread = is_batch and period <= MINUTE_MS,
    is_drained = field == 'r' and limit >= DRAIN_FROM and not is_batch,
    is_shared = period <= MINUTE_MS and limit >= SHARED_FROM and not is_batch,
    head = nil, sum = 0, count = 0, due = 0,
  }
end

-- The kinds of its window, and the maximum number of calls in flight (nil: unlimited).
local function read_scope(index, at)
  local name = names[index]
  local scope = {
    name = name, window = core .. 'window:' .. name, leases = core .. 'leases:' .. name, room = core .. 'room:' .. name,
    presence = core .. 'presence:' .. name, turns = core .. 'turns:' .. name, shares = core .. 'shares:' .. name,
    kinds = {}, blocked = 0, claimed = 0, full = 0, shared = 0,
  }
  for kind_at = at, at + (counts[index] - 1) * 4, 4 do
    if ARGV[kind_at + 1] == '0' then
      scope.concurrency = tonumber(ARGV[kind_at + 2])
    else
      scope.kinds[#scope.kinds + 1] = read_kind(kind_at)
    end
  end
  return scope, at + counts[index] * 4
end

-- Reads all fields of a window in one command.
local function read_state(scope)
  local fields = {'blocked', 'claimed', 'full', 'owner', 'shared', 'paced', 'weights', 'weighed', 'busy'}
  for _, kind in ipairs(scope.kinds) do
    local n = #fields
    fields[n + 1], fields[n + 2], fields[n + 3] = '+' .. kind.field, 'h' .. kind.field, kind.field .. kind.slice
    if kind.is_spread then fields[n + 4] = 'p' .. kind.field end
  end
  local state = redis.call('HMGET', scope.window, unpack(fields))
  scope.blocked, scope.claimed, scope.full = tonumber(state[1]) or 0, tonumber(state[2]) or 0, tonumber(state[3]) or 0
  scope.last_owner, scope.shared, scope.paced = state[4], tonumber(state[5]) or 0, tonumber(state[6]) or 0
  scope.weights, scope.weighed, scope.busy = tonumber(state[7]) or 0, tonumber(state[8]) or 0, tonumber(state[9]) or 0
  local n = 9
  for _, kind in ipairs(scope.kinds) do
    kind.sum, kind.head, kind.count = tonumber(state[n + 1]) or 0, tonumber(state[n + 2]), tonumber(state[n + 3])
    if kind.is_spread then kind.due = tonumber(state[n + 4]) or 0 end
    n = n + (kind.is_spread and 4 or 3)
  end
end

local wait, reason, denying, spacing, is_own = 0, nil, 0, 0, 0
local function deny(index, ms, why, between, own)
  if reason ~= nil and ms <= wait then return end
  wait, reason, denying, spacing, is_own = ms, why, index, between or 0, own or 0
end

-- Returns true if a limit of the window is used up.
local function check_window(index, scope)
  local is_full = false
  for _, kind in ipairs(scope.kinds) do
    -- A request larger than the whole limit runs alone in an empty window: the provider, not the broker, refuses it.
    local over = kind.sum + math.min(kind.amount, kind.most) - kind.most
    if over > 0 then
      local ms, between = drain_ms(scope, kind, over, now)
      deny(index, ms, kind.field, between)
      is_full = true
    end
  end
  return is_full
end

local function check_pace(index, scope, is_full)
  for _, kind in ipairs(scope.kinds) do
    if kind.is_drained then
      local is_draining = not is_full and now - scope.full < DRAIN_MS and (kind.count or 0) >= kind.limit * DRAIN_PART
      if is_draining then
        local between = math.floor(kind.slice_ms / (kind.limit * DRAIN_PART))
        deny(index, (kind.slice + 1) * kind.slice_ms - now, kind.field, between)
      end
      if is_full or is_draining then redis.call('HSET', scope.window, 'full', now) end
    elseif kind.is_spread and not is_full and kind.due > now + BATCH_BURST_MS then
      local between = math.floor(kind.amount * kind.period / (kind.limit * BATCH_SHARE))
      deny(index, math.ceil(kind.due - now - BATCH_BURST_MS), kind.field, between)
    end
  end
end

-- A room's clock starts at the current time: after `turns` has expired, new turns must not precede those stored in the room.
local function read_turn(scope)
  if scope.turn then return scope.turn end
  if is_batch then
    scope.turn = tonumber(ARGV[3])
    return scope.turn
  end
  local known = redis.call('ZMSCORE', scope.turns, '', owner)
  if not known[1] then
    redis.call('ZADD', scope.turns, now, '')
    redis.call('PEXPIRE', scope.turns, ttl_of(MINUTE_MS))
  end
  scope.turn = math.max(tonumber(known[1]) or now, tonumber(known[2]) or 0)
  return scope.turn
end

-- Spreads the starts of owners that have used more than their share.
local function check_share(index, scope)
  local field, rate
  scope.interval, field, rate = slowest(scope, FREE_PART, filling_rate)
  if not scope.interval then return end
  scope.pacing = field .. ' ' .. rate
  scope.ahead = ahead_of(scope, owner)
  if not is_ahead(scope, now) or scope.paced <= now then return end
  -- The pace may have become faster since it was computed.
  local due = math.ceil(math.min(scope.paced, now + scope.interval))
  if due < scope.paced then redis.call('HSET', scope.window, 'paced', due) end
  deny(index, math.min(due, scope.ahead - CREDIT_MS) - now, field, math.floor(scope.interval), 1)
end

-- A start by another owner than the last, or its wish to start, shows that the window is shared.
local function note_owner(scope, fields)
  if is_batch or scope.last_owner == owner then return end
  local n = #fields
  fields[n + 1], fields[n + 2] = 'owner', owner
  if scope.last_owner then fields[n + 3], fields[n + 4] = 'shared', now end
end

-- Charges the owner for the turn taken. If no request is left in the room, all turns are deleted.
local function take_turn(scope, is_last)
  if is_last then return redis.call('UNLINK', scope.turns) end
  if is_batch then return end
  local start = read_turn(scope)
  redis.call('ZADD', scope.turns, start, '', start + tonumber(ARGV[9]), owner)
  redis.call('ZREMRANGEBYSCORE', scope.turns, '-inf', '(' .. string.format('%.17g', start))
  redis.call('ZREMRANGEBYRANK', scope.turns, 1, -1 - MOST_OWNERS)
  redis.call('PEXPIRE', scope.turns, ttl_of(MINUTE_MS))
end

-- The current turn of a room member, which may be later than the stored one.
local function turn_of(scope, other, whose, noted)
  if other == member then return read_turn(scope) end
  local start = whose and redis.call('ZSCORE', scope.turns, whose)
  return start and math.max(noted, tonumber(start)) or noted
end

-- A request within its share need not wait for other owners that are ahead of theirs, unless such a request may wait for a call
-- to end, and not for the pace.
local function may_pass(scope, whose)
  if not scope.interval or is_ahead(scope, now) or not whose or whose == owner then return false end
  if scope.paced <= now and now - scope.busy < PRESENCE_MS then return false end
  return ahead_of(scope, whose) > now + CREDIT_MS
end

-- Other owners need not wait for one that is ahead of its share, also not while it waits for its turn.
local function check_turn(index, scope)
  if is_beside then return deny(index, POLL_MS, 'turn') end
  local turn, passed = read_turn(scope), 0
  while passed < MOST_PASSED do
    local next_one = redis.call('ZRANGE', scope.room, passed, passed, 'WITHSCORES')
    local other, noted = next_one[1], tonumber(next_one[2])
    if not other then return end
    local whose = string.match(other, '^%d+ %S+ (%S+)$')
    local its = turn_of(scope, other, whose, noted)
    if its > noted then
      redis.call('ZADD', scope.room, its, other)
    else
      if other == member or noted > turn or noted == turn and other > member then return end
      local seen = redis.call('ZSCORE', scope.presence, other)
      if not seen or tonumber(seen) <= now - PRESENCE_MS then
        redis.call('ZREM', scope.room, other)
        redis.call('ZREM', scope.presence, other)
      elseif may_pass(scope, whose) then
        passed = passed + 1
      else
        return deny(index, POLL_MS, 'turn', 0, is_ahead(scope, now) and 1 or 0)
      end
    end
  end
end

local function check_leases(index, scope)
  redis.call('ZREMRANGEBYSCORE', scope.leases, '-inf', now)
  if redis.call('ZCARD', scope.leases) < scope.concurrency then return end
  deny(index, POLL_MS, 'c')
  if scope.interval and not is_beside then redis.call('HSET', scope.window, 'busy', now) end
end

-- Counts the start for every kind, in one command.
local function count_start(scope)
  local fields, n, ttl = {}, 0, nil
  for _, kind in ipairs(scope.kinds) do
    if not kind.count then ttl = math.max(ttl or 0, ttl_of(kind.period), scope.claimed - now) end
    fields[n + 1], fields[n + 2] = kind.field .. kind.slice, (kind.count or 0) + kind.amount
    fields[n + 3], fields[n + 4] = '+' .. kind.field, kind.sum + kind.amount
    n = n + 4
    if not kind.head then
      fields[n + 1], fields[n + 2] = 'h' .. kind.field, kind.slice
      n = n + 2
    end
    if kind.is_spread then
      -- A reservation far above the limit must not close the lane for longer than the window itself would.
      local due = math.max(kind.due, now) + kind.amount * kind.period / (kind.limit * BATCH_SHARE)
      fields[n + 1], fields[n + 2] = 'p' .. kind.field, math.min(due, now + kind.period)
      n = n + 2
    end
  end
  if scope.interval then
    local paced = math.max(scope.paced, now - CREDIT_MS) + scope.interval
    fields[n + 1], fields[n + 2], fields[n + 3], fields[n + 4] = 'paced', math.ceil(paced), 'pacing', scope.pacing
  end
  if scope.is_shared then charge_share(scope, owner, now) end
  note_owner(scope, fields)
  redis.call('HSET', scope.window, unpack(fields))
  -- Only ever extended: a per-minute kind must not shorten the expiry that a daily kind has set.
  if ttl and redis.call('PTTL', scope.window) < ttl then redis.call('PEXPIRE', scope.window, digits(ttl)) end
end

local scopes, at = {}, 12 + #names
for index = 1, #names do
  scopes[index], at = read_scope(index, at)
end

-- Usually no room is occupied and scopes without limits have no state. Two calls check that for all scopes.
local rooms, unlimited = {}, {}
for _, scope in ipairs(scopes) do
  rooms[#rooms + 1] = scope.room
  if #scope.kinds == 0 then unlimited[#unlimited + 1] = scope.window end
end
local are_occupied = redis.call('EXISTS', unpack(rooms)) > 0
local are_known = #unlimited > 0 and redis.call('EXISTS', unpack(unlimited)) > 0

for index, scope in ipairs(scopes) do
  if #scope.kinds > 0 or are_known then read_state(scope) end
  -- A trial is never a hedge.
  if scope.blocked > now or is_beside and scope.claimed > now then deny(index, math.max(scope.blocked - now, 1), 'blocked') end
  if #scope.kinds > 0 then
    drop_expired(scope)
    local is_full = check_window(index, scope)
    check_pace(index, scope, is_full)
    scope.is_shared = not is_batch and now - scope.shared < SHARED_MS
    if scope.is_shared and not is_full then check_share(index, scope) end
  end
  if scope.concurrency and redis.call('ZCARD', scope.leases) >= scope.concurrency then check_leases(index, scope) end
  if are_occupied then
    scope.is_occupied = redis.call('EXISTS', scope.room) == 1
    if scope.is_occupied then check_turn(index, scope) end
  end
end
if is_beside and denying > 0 then return {0, math.max(1, math.ceil(wait)), reason, denying, 0, 0} end

for index, scope in ipairs(scopes) do
  if index == denying then
    redis.call('ZADD', scope.room, read_turn(scope), member)
    redis.call('ZADD', scope.presence, now, member)
    redis.call('PEXPIRE', scope.room, ttl_of(MINUTE_MS))
    redis.call('PEXPIRE', scope.presence, ttl_of(MINUTE_MS))
    if not is_batch and scope.last_owner and scope.last_owner ~= owner then redis.call('HSET', scope.window, 'shared', now) end
  elseif scope.is_occupied and redis.call('ZREM', scope.room, member) == 1 then
    redis.call('ZREM', scope.presence, member)
  end
end
if denying > 0 then
  local place = redis.call('ZRANK', scopes[denying].room, member)
  return {0, math.max(1, math.ceil(wait)), reason, denying, place, spacing, is_own}
end

local is_trial = 0
for _, scope in ipairs(scopes) do
  if #scope.kinds > 0 then count_start(scope) end
  if scope.concurrency then
    redis.call('ZADD', scope.leases, now + lease_ms, attempt)
    redis.call('PEXPIRE', scope.leases, lease_ms * 2)
  end
  local next_one = scope.is_occupied and redis.call('ZRANGE', scope.room, 0, 0)[1]
  if scope.is_occupied then take_turn(scope, not next_one) end
  if next_one then redis.call('SPUBLISH', core .. 'freed', scope.name .. '\n' .. next_one) end
  if scope.claimed > now then
    is_trial = 1
    redis.call('HSET', scope.window, 'blocked', math.min(scope.claimed, now + TRIAL_MS))
  end
end
open_attempt()
return {1, minute_slice, is_trial}
