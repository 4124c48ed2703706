-- A worker says that it is well, and how many more jobs it has room for in each of its queues. Between two such calls the
-- scripts that give, take and end jobs count; what went wrong there is corrected here.
--
-- KEYS  1 its sign of life, then the free workers of each queue
-- ARGV  1 worker, 2 how long the sign lasts, ms, then per queue: its room where it is not listed yet, correction
-- Gives per queue the room that was counted, correction included.
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
local counted = {}
for k = 2, #KEYS do
  local a = 2 * k - 1
  local room = redis.call('ZSCORE', KEYS[k], ARGV[1])
  if not room then
    redis.call('ZADD', KEYS[k], ARGV[a], ARGV[1])
    room = ARGV[a]
  elseif ARGV[a + 1] ~= '0' then
    room = redis.call('ZINCRBY', KEYS[k], ARGV[a + 1], ARGV[1])
  end
  counted[#counted + 1] = tonumber(room)
end
return counted
