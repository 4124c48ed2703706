-- A scope's window (its format: permit.lua): slices are dropped and read, and starts are spread where several keys use the window.
-- Between permit-open.lua and permit.lua.
local KEEP_SLICES = 302
local CHUNK = 50 -- slices read at once

local function read_slices(scope, kind, first, last)
  local fields = {}
  for slice = first, last do fields[#fields + 1] = kind.field .. slice end
  return redis.call('HMGET', scope.window, unpack(fields)), fields
end

-- Drops expired slices.
local function drop_expired(scope)
  local gone, moved = {}, {}
  for _, kind in ipairs(scope.kinds) do
    local last = kind.slice - KEEP_SLICES
    local at = kind.head
    if at and at <= last then
      while at <= last and kind.sum > 0 do
        local upto = math.min(last, at + CHUNK - 1)
        local counts, fields = read_slices(scope, kind, at, upto)
        for n, count in ipairs(counts) do
          if count then
            kind.sum = kind.sum - (tonumber(count) or 0)
            gone[#gone + 1] = fields[n]
          end
        end
        at = upto + 1
      end
      kind.sum = math.max(0, kind.sum)
      kind.head = last + 1
      moved[#moved + 1] = 'h' .. kind.field
      moved[#moved + 1] = digits(kind.head)
      moved[#moved + 1] = '+' .. kind.field
      moved[#moved + 1] = digits(kind.sum)
    end
  end
  if #gone > 0 then redis.call('HDEL', scope.window, unpack(gone)) end
  if #moved > 0 then redis.call('HSET', scope.window, unpack(moved)) end
end

-- Milliseconds until this amount has left the window, and the interval between the places after that: starts that came in a
-- burst leave the window in a burst.
local function drain_ms(scope, kind, over, now)
  local at, places = kind.head or kind.slice, 1
  while at <= kind.slice and over > 0 do
    local counts = read_slices(scope, kind, at, math.min(kind.slice, at + CHUNK - 1))
    for _, count in ipairs(counts) do
      over = over - (tonumber(count) or 0)
      places = (tonumber(count) or 0) / math.max(1, kind.amount)
      if over <= 0 then break end
      at = at + 1
    end
  end
  return (at + KEEP_SLICES) * kind.slice_ms - now, math.floor(kind.slice_ms / math.max(1, places))
end

-- Sharing (docs/decisions/2026-11-29-shared-windows.md). A window is shared if its owner of turns changed within SHARED_MS. Up to
-- FREE_PART of it is free for all; after that a key that has used more than its share starts at a pace that fills the window to
-- FILLED_PART and never quite to the end, so that the others find room at any time.
local SHARED_MS = 300000
local SHARED_FROM = 10 -- smaller limits have too few places to keep any
local QUIET_PART = 0.1 -- below this, shares are not counted
local FREE_PART = 0.5
local FILLED_PART = 0.98
local FILL_MS = 30000 -- what is left up to FILLED_PART is spread over this time
-- Bounds of the pace, as multiples of the limit's own rate. A burst is smoothed when its places come free, a minute later.
local SLOWEST = 0.02
local FASTEST = 5
local CREDIT_MS = 1000 -- a key that asks this much too late loses nothing
local LEAVING_SLICES = 5
-- Shares: for each key, until when it has used its share in advance, at most a minute.
-- What is divided into shares: less than the limit, because starts below QUIET_PART are not charged.
local SHARED_PART = 0.85
local MOST_PASSED = 20 -- bounds the waiting requests that one within its share reads before it starts
local MOST_AHEAD_MS = 60000
local MOST_SHARES = 1000
local SAMPLE = 20 -- the weights of so many keys stand for all

-- The longest interval that the given rate (amount per ms) leaves between starts of this size, and the kind of limit with its rate.
local function slowest(scope, part, rate_of)
  local longest, field, its_rate
  for _, kind in ipairs(scope.kinds) do
    if kind.is_shared and kind.sum + kind.amount > kind.limit * part then
      local rate = rate_of(scope, kind)
      local interval = kind.amount / rate
      if not longest or interval > longest then longest, field, its_rate = interval, kind.field, rate end
    end
  end
  return longest, field, its_rate
end

local function shared_rate(_, kind) return SHARED_PART * kind.limit / kind.period end

local function filling_rate(scope, kind)
  local first, leaving = kind.slice - KEEP_SLICES + 1, 0
  for _, count in ipairs((read_slices(scope, kind, first, first + LEAVING_SLICES - 1))) do
    leaving = leaving + (tonumber(count) or 0)
  end
  local usual = kind.limit / kind.period
  local rate = math.min(leaving / (LEAVING_SLICES * kind.slice_ms), FASTEST * usual)
  return math.max(rate + (kind.limit * FILLED_PART - kind.sum) / FILL_MS, SLOWEST * usual)
end

local function weight_of(owner) return tonumber(string.match(owner, '%*(%S+)$')) or 1 end

local function ahead_of(scope, owner) return tonumber(redis.call('ZSCORE', scope.shares, owner)) or 0 end

-- Only known where it matters: more than half of a shared window is used.
local function is_ahead(scope, now) return scope.interval and scope.ahead > now + CREDIT_MS end

-- The weights of all keys that use the window, computed once a second.
local function weights_in(scope, now)
  if now - scope.weighed < 1000 then return scope.weights end
  redis.call('ZREMRANGEBYSCORE', scope.shares, '-inf', now - MOST_AHEAD_MS)
  redis.call('ZREMRANGEBYRANK', scope.shares, 0, -1 - MOST_SHARES)
  local sample, sum = redis.call('ZRANGE', scope.shares, 0, SAMPLE - 1), 0
  for _, owner in ipairs(sample) do sum = sum + weight_of(owner) end
  scope.weights = sum * redis.call('ZCARD', scope.shares) / math.max(1, #sample)
  redis.call('HSET', scope.window, 'weighed', now, 'weights', scope.weights)
  return scope.weights
end

-- Charges the owner for a start.
local function charge_share(scope, owner, now)
  local interval = slowest(scope, QUIET_PART, shared_rate)
  if not interval then return end
  local weight = weight_of(owner)
  -- There is at least one other key.
  local parts = math.max(weights_in(scope, now), weight + 1) / weight
  local ahead = math.max(scope.ahead or ahead_of(scope, owner), now)
  redis.call('ZADD', scope.shares, math.ceil(math.min(ahead + interval * parts, now + MOST_AHEAD_MS)), owner)
  redis.call('PEXPIRE', scope.shares, 2 * MOST_AHEAD_MS)
end
