-- A request has ended: its reservation goes, its charge is booked. Booked once: the reservation is the proof. All is
-- computed before the reservation goes: a charge that could not be booked afterwards would be lost.
--
-- A reservation that is given back leaves a mark in its place until its deadline: a client that was told 503 may come back to
-- a request that was written nevertheless, and what that costs is booked then.
--
-- KEYS  1 budget, 2 reservations
-- ARGV  1 member of the reservation, 2 units reserved, 3 charge units, or '' to give it back, 4 mark of one that was given back
-- Gives 1 when booked or given back, 0 when there was neither reservation nor mark.
local units = math.max(0, whole(ARGV[2], 0))
-- Nothing that a provider says gives money back; a charge that is no number is what was reserved for.
local isGivenBack = ARGV[3] == ''
local charge = isGivenBack and 0 or math.max(0, whole(ARGV[3], units))
local state = redis.call('HMGET', KEYS[1], 'spent', 'held')
local deadline = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not deadline and (isGivenBack or not redis.call('ZSCORE', KEYS[2], ARGV[4])) then return 0 end
local spent = whole(whole(state[1], 0) + charge)
local held = math.max(0, whole(state[2], 0) - (deadline and units or 0))
redis.call('ZREM', KEYS[2], ARGV[1], ARGV[4])
if isGivenBack then redis.call('ZADD', KEYS[2], deadline, ARGV[4]) end
-- A sum that is not known here is read from the books, with this charge in them.
if state[1] then redis.call('HSET', KEYS[1], 'held', digits(held), 'spent', digits(spent)) end
return 1
