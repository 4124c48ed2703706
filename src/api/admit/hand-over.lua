-- Writes the record of a request (accept.lua). A free worker gets the request in the same step: lease (offer-job.lua), claim
-- (claim-new.lua) and permit (permit.lua); the worker in the same process gets it with the reply, another one by a message.
-- Without a worker, or if its limits are full, the request is added to its wait queues (wait-enter.lua), and without a worker its
-- job is queued (add-jobs.lua). Used only if one server has all keys. Nothing else is done if the request joins another.
--
-- KEYS  1 record, 2 and 3 those of offer, 4 that of permit[, 5 idempotency key]
-- ARGV  1 to 4 of accept, 5 '1' if it has an idempotency key, 6 and 7 calls of enter ('': already counted) and add, as JSON: they
--       are rarely made, 8 what the worker must know of the permit; then of offer (the first '': not offered); of permit (the first
--       '': the worker asks for it); of accept from the fifth on
-- Returns {reply of accept, reply of enter or nil[, fence and permit, as in the message, for the worker in the same process]}, or the
-- error LATE.
local OFFER, PERMIT = 9, 15
-- A call that arrives later was held up by a frozen Redis, and its client has been refused (PRODUCER_SILENCE_MS in storage/redis.ts).
-- Nothing is written: a worker might take the request before its cancellation arrives.
local LATE_MS = 2000
local function args_of(first, last)
  local args = {unpack(ARGV, first, last)}
  args.time = ARGV.time
  return args
end
local function make(call, json)
  local made = cjson.decode(json)
  return call(made[1], made[2])
end
local function count_waiting() return ARGV[6] ~= '' and make(enter, ARGV[6]) or false end

-- The idempotency key's arguments come last, because they are rare.
local last, request = #ARGV, ARGV
if ARGV[5] ~= '' then
  last = last - 4
  request = {ARGV[1], ARGV[2], ARGV[3], ARGV[4], unpack(ARGV, last + 1)}
end
ARGV.time = redis.call('TIME')
local offered = ARGV[OFFER] ~= '' and args_of(OFFER, PERMIT - 1)
if offered and ARGV.time[1] * 1000 + math.floor(ARGV.time[2] / 1000) - tonumber(offered[5]) > LATE_MS then
  return redis.error_reply('LATE the call was held up for too long')
end
request.find_worker = offered and function() return offer({KEYS[2], KEYS[3]}, offered) end
local accepted = accept({KEYS[1], KEYS[5]}, request)
if accepted.err then return accepted end
if accepted[1] ~= 'accepted' then return {accepted} end
-- Without a worker also if this command was resent: then the record was there.
local worker = accepted[3]
accepted[3] = nil
if not worker then
  local totals = count_waiting()
  make(add, ARGV[7])
  return {accepted, totals}
end

local fence = claim({KEYS[1]}, {ARGV[3]})
local permit = ARGV[PERMIT] ~= '' and permit({KEYS[4]}, args_of(PERMIT, last)) or {0}
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
  fence .. ' ' .. granted .. ' ' .. ARGV[8] .. ' ' .. #spec .. '\n' .. spec .. body)
return {accepted, totals}
