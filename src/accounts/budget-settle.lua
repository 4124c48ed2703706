-- A request has ended: its reservation goes, its charge is booked. Booked once: the reservation is the proof. All is
-- computed before the reservation goes: a charge that could not be booked afterwards would be lost.
--
-- KEYS  1 budget, 2 holds
-- ARGV  1 member of the hold, 2 units held, 3 charge units
-- Gives 1 when booked, 0 when the reservation was gone.
local units = math.max(0, whole(ARGV[2], 0))
-- Nothing that a vendor says gives money back; a charge that is no number is what was reserved for.
local charge = math.max(0, whole(ARGV[3], units))
local state = redis.call('HMGET', KEYS[1], 'spent', 'held')
local spent = whole(whole(state[1], 0) + charge)
local held = math.max(0, whole(state[2], 0) - units)
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
-- A sum that is not known here is read from the books, with this charge in them.
if state[1] then redis.call('HSET', KEYS[1], 'held', digits(held), 'spent', digits(spent)) end
return 1
