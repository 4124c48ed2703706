-- Writes the record of a request (accept.lua), counts it where it waits (wait-enter.lua), and puts its job into the queue
-- (add-jobs.lua). Where one server has all keys. Nothing is counted or queued where the request joins another.
--
-- ARGV  1 keys of accept, 2 arguments of accept, 3 keys of enter (0: it is counted already), 4 arguments of enter,
--       then the arguments of accept, enter and add; KEYS in the same order
-- Gives {what accept gives[, what enter gives]}.
local key, arg = 1, 5
local function run(part, keys, args)
  local reply = part({unpack(KEYS, key, key + keys - 1)}, {unpack(ARGV, arg, arg + args - 1)})
  key, arg = key + keys, arg + args
  return reply
end
local accepted = run(accept, tonumber(ARGV[1]), tonumber(ARGV[2]))
if accepted[1] ~= 'accepted' then return {accepted} end
local totals = ARGV[3] ~= '0' and run(enter, tonumber(ARGV[3]), tonumber(ARGV[4])) or false
run(add, #KEYS - key + 1, #ARGV - arg + 1)
return {accepted, totals}
