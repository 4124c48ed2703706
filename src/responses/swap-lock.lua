-- Gives a lock to somebody else, or up, if it is still who it is taken for that has it.
--
-- KEYS  1 lock
-- ARGV  1 who has it, 2 who shall have it ('' for nobody), 3 time to live, ms
-- Gives 1, or 0 when somebody else has it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
