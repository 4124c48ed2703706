-- Messages that SQL has leave the stream, and the list of what this group has still to store, in one step: a process that
-- died between the two would leave a message that nobody reads again.
--
-- KEYS  1 ledger stream
-- ARGV  1 group, then ids
-- Gives how many there were.
local deleted = 0
for i = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  deleted = deleted + redis.call('XDEL', KEYS[1], ARGV[i])
end
return deleted
