-- Reserves a request's estimated cost in every budget that it counts in, if each of them has room beside what is spent and
-- reserved. Reservations of requests that never ended expire at their deadline.
--
-- KEYS  for each budget: its sums (hash: spent, held), its reservations (sorted set: `<request>:<amount>` scored by deadline)
-- ARGV  1 request id, 2 deadline ms, 3 time to live of all keys, ms; for each budget: amount, limit
-- Returns {1} if reserved, {0, number of the budget, what is left} if one has no room, {2, numbers of the budgets ...} if their
-- spending is not in Redis.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = #KEYS / 2
local budgets, unknown = {}, {2}
for i = 1, count do
  local key, reservations = KEYS[2 * i - 1], KEYS[2 * i]
  local state = redis.call('HMGET', key, 'spent', 'held')
  if not state[1] then unknown[#unknown + 1] = i end
  local held = money(state[2], NO_MONEY)
  local expired = redis.call('ZRANGEBYSCORE', reservations, '-inf', now, 'LIMIT', 0, 100)
  for _, reservation in ipairs(expired) do
    held = minus(held, money(string.match(reservation, ':(%d+)$'), NO_MONEY))
  end
  local amount = money(ARGV[2 + 2 * i], MOST_MONEY)
  local limit = money(ARGV[3 + 2 * i], NO_MONEY)
  budgets[i] = {
    key = key, reservations = reservations, held = held, expired = expired, amount = amount,
    member = ARGV[1] .. ':' .. ARGV[2 + 2 * i],
    limit = limit, taken = plus(money(state[1] or '0', MOST_MONEY), held),
  }
end
if #unknown > 1 then return unknown end
local refusal = nil
for i, budget in ipairs(budgets) do
  if refusal == nil and isLess(budget.limit, plus(budget.taken, budget.amount)) then
    refusal = {0, i, moneyText(minus(budget.limit, budget.taken))}
  end
end
for _, budget in ipairs(budgets) do
  if #budget.expired > 0 then redis.call('ZREM', budget.reservations, unpack(budget.expired)) end
  if refusal == nil and redis.call('ZADD', budget.reservations, 'NX', ARGV[2], budget.member) == 1 then
    budget.held = plus(budget.held, budget.amount)
  end
  redis.call('HSET', budget.key, 'held', moneyText(budget.held))
  if refusal == nil then
    redis.call('PEXPIRE', budget.key, ARGV[3])
    redis.call('PEXPIRE', budget.reservations, ARGV[3])
  end
end
return refusal or {1}
