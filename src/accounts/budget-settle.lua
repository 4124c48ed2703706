-- A request has ended: its reservation goes, its charge is booked. Booked once: the reservation is the proof.
--
-- KEYS  1 budget, 2 holds
-- ARGV  1 member of the hold, 2 units held, 3 charge units
-- Gives 1 when booked, 0 when the reservation was gone.
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'held', -tonumber(ARGV[2]))
redis.call('HINCRBY', KEYS[1], 'spent', ARGV[3])
return 1
