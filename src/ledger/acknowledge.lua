-- Removes stored messages from the stream and from the group's pending entries in one step: if a process died between the
-- two, a message would remain that is never read again.
--
-- KEYS  1 ledger stream
-- ARGV  1 group, then ids
-- Returns how many messages were deleted.
local deleted = 0
for i = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  deleted = deleted + redis.call('XDEL', KEYS[1], ARGV[i])
end
return deleted
