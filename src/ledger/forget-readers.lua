-- Removes readers of the ledger that are gone and left no pending messages: each start of a process uses a new name. A reader
-- that is still alive is registered again by its next read.
--
-- KEYS  1 ledger stream
-- ARGV  1 group, 2 a reader that leaves now, or '', 3 how long a reader may be silent, ms
-- Returns how many were removed.
local forgotten = 0
for _, reader in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local known = {}
  for i = 1, #reader, 2 do known[reader[i]] = reader[i + 1] end
  local is_gone = known.name == ARGV[2] or known.idle > tonumber(ARGV[3])
  -- Deleting a reader would delete its pending entries, which others are to take over.
  if is_gone and known.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], known.name)
    forgotten = forgotten + 1
  end
end
return forgotten
