-- Renews the leases of a worker's requests. A request that has become a job meanwhile has no lease and gets none.
--
-- KEYS  1 leases
-- ARGV  1 lease, ms, then job ids
local AT_ONCE = 2000
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
for first = 2, #ARGV, AT_ONCE do
  local renewed = {}
  for a = first, math.min(#ARGV, first + AT_ONCE - 1) do
    renewed[#renewed + 1] = until_ms
    renewed[#renewed + 1] = ARGV[a]
  end
  redis.call('ZADD', KEYS[1], 'XX', unpack(renewed))
end
return #ARGV - 1
