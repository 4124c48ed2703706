-- The body of a request that is over goes; that of one which runs again (its worker died after it had said how it ended)
-- stays.
--
-- KEYS  1 record, 2 body
-- Gives 1 when the body is gone.
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'done' then return 0 end
redis.call('UNLINK', KEYS[2])
return 1
