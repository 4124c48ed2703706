-- How many of a wait queue each owner of turns has in it (src/contracts/turn.ts): a hash beside the queue. Prepended to the scripts
-- that put requests into wait queues and take them out. Its owner is the third word of a member; one without has none.
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
