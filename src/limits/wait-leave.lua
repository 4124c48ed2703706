-- Removes a request from wait queues: it ended without a permit, moved to another deployment, or is gone.
--
-- KEYS  1 tokens of wait queues, then the queues
-- ARGV  1 member (request id, tokens, owner of its turn), 2 tokens
-- Returns the number of queues it was in.
-- As in wait-enter.lua.
local MAX_TOKENS = 1000000000
local tokens = digits(-math.max(0, math.min(MAX_TOKENS, whole(ARGV[2], 0))))
local left = 0
for i = 2, #KEYS do
  if redis.call('ZREM', KEYS[i], ARGV[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], KEYS[i], tokens)
    forget_owner(KEYS[i], ARGV[1])
    left = left + 1
  end
end
return left
