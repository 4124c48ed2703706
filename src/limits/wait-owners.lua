-- Counts the requests of each owner of turns (src/contracts/turn.ts) in a wait queue, in a hash beside the queue. Prepended to
-- the scripts that add requests to wait queues and remove them. The owner is the third word of a member; it may be missing.
local function owner_of(member) return string.match(member, '^%S+ %S+ (%S+)$') end

local function count_owner(queue, member)
  local owner = owner_of(member)
  if owner then redis.call('HINCRBY', queue .. ':owners', owner, 1) end
end

local function forget_owner(queue, member)
  local owner = owner_of(member)
  if owner and redis.call('HINCRBY', queue .. ':owners', owner, -1) <= 0 then
    redis.call('HDEL', queue .. ':owners', owner)
  end
end
