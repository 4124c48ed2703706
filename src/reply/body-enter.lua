-- Counts a body that will be stored in Redis, unless it exceeds a limit. Expired bodies are removed from the count first.
-- Idempotent: a member is counted once.
--
-- KEYS  1 members by expiry, unix ms, 2 bytes by key, the total under '*'
-- ARGV  1 now, unix ms, 2 member (key id, bytes, request id), 3 key id, 4 bytes, 5 expiry, unix ms,
--       6 limit per key, bytes, 7 limit of the total, bytes
-- Returns 'counted', or the limit that is exceeded: 'key' or 'all'.
local MOST_EXPIRED = 200
local bytes = math.max(0, whole(ARGV[4], 0))
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, MOST_EXPIRED)
local freed, freed_all = {}, 0
for _, member in ipairs(expired) do
  local key, size = string.match(member, '^(%S+) (%d+) ')
  if key then
    freed[key] = (freed[key] or 0) + tonumber(size)
    freed_all = freed_all + tonumber(size)
  end
end
local known = redis.call('ZSCORE', KEYS[1], ARGV[2])
local sums = redis.call('HMGET', KEYS[2], ARGV[3], '*')
local of_key = math.max(0, whole(sums[1], 0) - (freed[ARGV[3]] or 0))
local of_all = math.max(0, whole(sums[2], 0) - freed_all)

for key, size in pairs(freed) do
  if redis.call('HINCRBY', KEYS[2], key, digits(-size)) <= 0 then redis.call('HDEL', KEYS[2], key) end
end
if #expired > 0 then
  redis.call('ZREM', KEYS[1], unpack(expired))
  redis.call('HINCRBY', KEYS[2], '*', digits(-freed_all))
end
if known then return 'counted' end
if of_key + bytes > whole(ARGV[6], 0) then return 'key' end
if of_all + bytes > whole(ARGV[7], 0) then return 'all' end
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[3], digits(bytes))
redis.call('HINCRBY', KEYS[2], '*', digits(bytes))
return 'counted'
