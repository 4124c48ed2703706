-- Writes the records of lines (accept.lua) and adds their jobs to one queue (add-jobs.lua). Used only if one server has all keys.
--
-- KEYS  per line: the keys of accept; then those of add
-- ARGV  1 number of lines, then per line: the arguments of accept; then the arguments of add
-- Returns the number of jobs added.
local lines = tonumber(ARGV[1])
for i = 1, lines do
  local arg = 4 * i - 2
  local accepted = accept({KEYS[i]}, {unpack(ARGV, arg, arg + 3)})
  if accepted.err then return accepted end
end
return add({unpack(KEYS, lines + 1)}, {unpack(ARGV, 4 * lines + 2)})
