-- A request has ended: its reservations go, its cost is booked. Booked once: the reservation is the proof. All is computed
-- before a reservation goes: a cost that could not be booked afterwards would be lost.
--
-- A reservation that is given back leaves a mark in its place until its deadline: a client that was told 503 may come back to
-- a request that was written all the same, and what that costs is booked then.
--
-- KEYS  for each budget: its sums, its reservations (budget-admit.lua)
-- ARGV  1 request id; for each budget: amount reserved, amount spent, or '' to give it back
-- Gives how many budgets were changed.
local mark = ARGV[1] .. ':given-back'
local changed = 0
for i = 1, #KEYS / 2 do
  local key, reservations = KEYS[2 * i - 1], KEYS[2 * i]
  local reserved, spending = ARGV[2 * i], ARGV[2 * i + 1]
  local member = ARGV[1] .. ':' .. reserved
  local deadline = redis.call('ZSCORE', reservations, member)
  local isGivenBack = spending == ''
  if deadline or (not isGivenBack and redis.call('ZSCORE', reservations, mark)) then
    local amount = money(reserved, NO_MONEY)
    local state = redis.call('HMGET', key, 'spent', 'held')
    -- What is no amount is what was reserved for: nothing that a provider says gives money back.
    local spent = plus(money(state[1] or '0', MOST_MONEY), isGivenBack and NO_MONEY or money(spending, amount))
    local held = minus(money(state[2], NO_MONEY), deadline and amount or NO_MONEY)
    redis.call('ZREM', reservations, member, mark)
    if isGivenBack then redis.call('ZADD', reservations, deadline, mark) end
    -- A sum that is not known here is read from the books, with this cost in them.
    if state[1] then redis.call('HSET', key, 'held', moneyText(held), 'spent', moneyText(spent)) end
    changed = changed + 1
  end
end
return changed
