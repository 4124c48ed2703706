-- Writes the record and the body of a request. Does nothing when the record is there already.
--
-- KEYS  1 record, 2 body
-- ARGV  1 spec (JSON), 2 body, 3 time to live, ms
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'step', 0, 'attempts', 0, 'state', 'queued')
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
