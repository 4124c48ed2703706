-- Finds the queues that have jobs of any kind: waiting, taking turns, delayed, or running somewhere. Used only if one server has
-- all keys. Queues are looked at in groups, because nearly always nothing is there.
--
-- ARGV  per queue: prefix of its keys
-- Returns the numbers (from 1) of the queues that have jobs.
local GROUP = 200
local NAMES = {'wait', 'prioritized', 'delayed', 'active'}
local function has_jobs(from, to)
  local keys = {}
  for i = from, to do
    for _, name in ipairs(NAMES) do keys[#keys + 1] = ARGV[i] .. name end
  end
  return redis.call('EXISTS', unpack(keys)) > 0
end
local found = {}
for from = 1, #ARGV, GROUP do
  local to = math.min(from + GROUP - 1, #ARGV)
  if has_jobs(from, to) then
    for i = from, to do
      if has_jobs(i, i) then found[#found + 1] = i end
    end
  end
end
return found
