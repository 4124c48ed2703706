-- Passes a lock to another holder, or releases it, if its holder is still the expected one.
--
-- KEYS  1 lock
-- ARGV  1 expected holder, 2 new holder ('' releases it), 3 time to live, ms
-- Returns 1, or 0 if the lock has another holder.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
