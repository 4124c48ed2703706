-- Removes a body that is no longer needed from the count. Idempotent.
--
-- KEYS  1 members by expiry, unix ms, 2 bytes by key, the total under '*'
-- ARGV  1 member (key id, bytes, request id), 2 key id, 3 bytes
local bytes = math.max(0, whole(ARGV[3], 0))
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HINCRBY', KEYS[2], ARGV[2], digits(-bytes)) <= 0 then redis.call('HDEL', KEYS[2], ARGV[2]) end
redis.call('HINCRBY', KEYS[2], '*', digits(-bytes))
return 1
