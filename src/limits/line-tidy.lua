-- Forgets a line in which nobody stands.
--
-- KEYS  1 all lines, 2 tokens of lines, 3 served of lines, 4 the line
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
redis.call('SREM', KEYS[1], KEYS[4])
redis.call('HDEL', KEYS[2], KEYS[4])
redis.call('HDEL', KEYS[3], KEYS[4])
return 1
