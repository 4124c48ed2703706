-- Writes the record of a request (accept.lua). A free worker gets the request in the same step: lease (offer-job.lua), claim
-- (claim-new.lua) and permit (permit.lua); the worker in the same process gets it with the reply, another one by a message.
-- Without a worker, or if its limits are full, the request is added to its wait queues (wait-enter.lua), and without a worker its
-- job is queued (add-jobs.lua). Used only if one server has all keys. Nothing else is done if the request joins another.
--
-- ARGV  1 to 12: number of keys and arguments of each part: accept, enter (0: already counted), add, offer (0: not offered),
--       claim, permit (0: the worker asks for it); 13 what the worker must know of the permit; then the arguments of the parts;
--       KEYS in the same order
-- Returns {reply of accept, reply of enter or nil[, fence and permit, as in the message, for the worker in the same process]}.
local first = {}
local key, arg = 1, 14
for part = 1, 6 do
  first[part] = {key, arg}
  key, arg = key + tonumber(ARGV[part * 2 - 1]), arg + tonumber(ARGV[part * 2])
end
first[7] = {key, arg}
local function keys_of(part) return {unpack(KEYS, first[part][1], first[part + 1][1] - 1)} end
local function args_of(part) return {unpack(ARGV, first[part][2], first[part + 1][2] - 1)} end
local function count_waiting()
  return ARGV[3] ~= '0' and enter(keys_of(2), args_of(2)) or false
end

local request = args_of(1)
local accepted = accept(keys_of(1), request)
if accepted.err then return accepted end
if accepted[1] ~= 'accepted' then return {accepted} end
-- An existing record means that this command was resent.
local offered = ARGV[7] ~= '0' and accepted[2] and args_of(4)
local worker = offered and offer(keys_of(4), offered)
if not worker then
  local totals = count_waiting()
  add(keys_of(3), args_of(3))
  return {accepted, totals}
end

local fence = claim(keys_of(5), {worker, unpack(args_of(5))})
local permit = ARGV[11] ~= '0' and permit(keys_of(6), args_of(6)) or {0}
local totals = false
local granted = '- -'
if permit[1] == 1 then
  granted = permit[2] .. ' ' .. permit[3]
else
  totals = count_waiting()
end
if worker == offered[6] then return {accepted, totals, fence .. ' ' .. granted} end
local spec, body = request[1], request[2] -- '' for a large one, which the worker reads
redis.call('SPUBLISH', offered[1] .. worker,
  fence .. ' ' .. granted .. ' ' .. ARGV[13] .. ' ' .. #spec .. '\n' .. spec .. body)
return {accepted, totals}
