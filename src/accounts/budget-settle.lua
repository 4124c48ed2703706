-- Ends a request: removes its reservations and books its cost. The cost is booked only if the reservation is still there, and so
-- only once. Everything is computed before a reservation is removed: if the script failed in between, the cost would be lost.
--
-- Giving a reservation back leaves a mark until its deadline: a request whose client received 503 may have been written to Redis
-- nevertheless, and its cost is booked then.
--
-- KEYS  for each budget: its sums, its reservations (budget-admit.lua)
-- ARGV  1 request id; for each budget: amount reserved, amount spent, or '' to give it back
-- Returns how many budgets were changed.
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
    -- An invalid amount counts as the reserved one: no answer of a provider may reduce what was spent.
    local spent = plus(money(state[1] or '0', MOST_MONEY), isGivenBack and NO_MONEY or money(spending, amount))
    local held = minus(money(state[2], NO_MONEY), deadline and amount or NO_MONEY)
    redis.call('ZREM', reservations, member, mark)
    if isGivenBack then redis.call('ZADD', reservations, deadline, mark) end
    -- A sum that is not in Redis will be read from the ledger, which includes this cost.
    if state[1] then redis.call('HSET', key, 'held', moneyText(held), 'spent', moneyText(spent)) end
    changed = changed + 1
  end
end
return changed
