-- The beginning of permit.lua, whose keys and arguments it reads: opens an attempt, and grants its permit at once if nothing limits
-- it, which is the usual case. The rest of the script is not even defined then: that would cost more than the permit.
local MINUTE_MS = 60000
local SLICES = 300
-- As in wait-enter.lua: a client's max_tokens may be any number.
local MAX_TOKENS = 1000000000

local core = string.sub(KEYS[1], 1, -1 - #'open')
local attempt, wait_member = ARGV[1], ARGV[10]
local lease_ms, is_batch, is_beside = tonumber(ARGV[5]), ARGV[7] == '1', ARGV[7] == '2'
local time = ARGV.time or redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute_slice = math.floor(now / (MINUTE_MS / SLICES))

-- Already granted: the command was sent again after a lost connection (attempt ids are never shared).
if wait_member ~= '' and redis.call('HEXISTS', KEYS[1], attempt) == 1 then return {1, minute_slice} end

local names, counts, waiting = {}, {}, {}
for count, mark in string.gmatch(ARGV[11], '(%d+)(%+?)') do
  local name = ARGV[12 + #names]
  names[#names + 1], counts[#counts + 1] = name, tonumber(count)
  if mark ~= '' then waiting[#waiting + 1] = core .. (is_batch and 'waiting:batch:' or 'waiting:interactive:') .. name end
end

local function open_attempt()
  for _, queue in ipairs(waiting) do
    -- What has just been accepted never enters them: it only counts as having passed.
    if wait_member == '' then
      redis.call('HINCRBY', core .. 'wait-queue-served', queue, 1)
    elseif redis.call('ZREM', queue, wait_member) == 1 then
      forget_owner(queue, wait_member)
      local tokens = math.max(0, math.min(MAX_TOKENS, whole(ARGV[4], 0)))
      redis.call('HINCRBY', core .. 'wait-queue-tokens', queue, digits(-tokens))
      redis.call('HINCRBY', core .. 'wait-queue-served', queue, 1)
    end
  end
  redis.call('HSET', KEYS[1], attempt, ARGV[6])
  redis.call('ZADD', core .. 'open-leases', digits(now + lease_ms), attempt)
end

-- No limits, no room is occupied, and no window holds a provider's own wait.
if not string.find(ARGV[11], '[1-9]') then
  local states = {}
  for _, name in ipairs(names) do
    states[#states + 1] = core .. 'room:' .. name
    states[#states + 1] = core .. 'window:' .. name
  end
  if redis.call('EXISTS', unpack(states)) == 0 then
    open_attempt()
    return {1, minute_slice, 0}
  end
end
