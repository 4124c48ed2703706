-- Adds a request to wait queues, in which it stays until permit.lua grants its permit or it leaves (wait-leave.lua).
-- Safe to repeat: a request that is already in a queue is not counted twice.
--
-- KEYS  1 all wait queues, 2 tokens of wait queues, then the queues
-- ARGV  1 member (request id, tokens, owner of its turn), 2 acceptance, unix ms, 3 tokens
-- Returns per queue: number of requests in it now, and their tokens.
local KEEP_MS = 2592000000
-- Above any model's limit, and sums stay exact integers.
local MAX_TOKENS = 1000000000
local own_tokens = math.max(0, math.min(MAX_TOKENS, whole(ARGV[3], 0)))
local totals = {}
for i = 3, #KEYS do
  local queue = KEYS[i]
  local added = redis.call('ZADD', queue, 'NX', ARGV[2], ARGV[1])
  local count = redis.call('ZCARD', queue)
  if added == 1 then count_owner(queue, ARGV[1]) end
  local tokens
  if added == 1 and count == 1 then
    tokens = own_tokens
    redis.call('HSET', KEYS[2], queue, digits(tokens))
    redis.call('SADD', KEYS[1], queue)
    redis.call('PEXPIRE', queue, KEEP_MS)
    redis.call('PEXPIRE', queue .. ':owners', KEEP_MS)
  elseif added == 1 then
    tokens = redis.call('HINCRBY', KEYS[2], queue, digits(own_tokens))
  else
    tokens = whole(redis.call('HGET', KEYS[2], queue), 0)
  end
  totals[#totals + 1] = count
  totals[#totals + 1] = tokens
end
return totals
