-- Removes what is stored for a wait queue if it is empty.
--
-- KEYS  1 all wait queues, 2 tokens of wait queues, 3 served of wait queues, 4 the queue
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
redis.call('SREM', KEYS[1], KEYS[4])
redis.call('DEL', KEYS[4] .. ':owners')
redis.call('HDEL', KEYS[2], KEYS[4])
redis.call('HDEL', KEYS[3], KEYS[4])
return 1
