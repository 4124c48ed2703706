-- Removes the body of a finished request; keeps it if the request runs again because its worker died after reporting its end.
--
-- KEYS  1 record, 2 body
-- Returns 1 if the body is gone, else 0.
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'done' then return 0 end
redis.call('UNLINK', KEYS[2])
return 1
