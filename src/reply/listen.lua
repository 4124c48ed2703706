-- Counts the clients that wait for the answer of a request.
--
-- KEYS  1 record
-- ARGV  1 change: 1 or -1
-- Returns how many wait now; 0 for a request that no longer exists.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'listeners', ARGV[1])
