-- Readers of the ledger that are gone, and left nothing unfinished, are forgotten: each start of a process has a name of
-- its own. One that lives after all is known again with its next read.
--
-- KEYS  1 ledger stream
-- ARGV  1 group, 2 a reader that leaves now, or '', 3 how long a reader may be silent, ms
-- Gives how many were forgotten.
local forgotten = 0
for _, reader in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local known = {}
  for i = 1, #reader, 2 do known[reader[i]] = reader[i + 1] end
  local is_gone = known.name == ARGV[2] or known.idle > tonumber(ARGV[3])
  -- Deleting a reader deletes its unfinished messages from the list of what is to be taken over.
  if is_gone and known.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], known.name)
    forgotten = forgotten + 1
  end
end
return forgotten
