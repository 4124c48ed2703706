-- Removes stored messages from the stream and from the group's pending entries in one step: if a process died between the
-- two, a message would remain that is never read again.
--
-- KEYS  1 ledger stream
-- ARGV  1 group, then ids
-- Returns how many messages were deleted.
local AT_ONCE = 1000 -- Lua passes no more than 8,000 values to a function
local deleted = 0
for first = 2, #ARGV, AT_ONCE do
  local last = math.min(#ARGV, first + AT_ONCE - 1)
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, first, last))
  deleted = deleted + redis.call('XDEL', KEYS[1], unpack(ARGV, first, last))
end
return deleted
