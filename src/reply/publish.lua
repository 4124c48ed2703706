-- Appends frames of one reply shard to their logs and announces them to one API instance in a single message.
-- A frame whose log already has its id or a later one comes from a writer that lost the request: it is neither stored nor
-- announced.
--
-- KEYS  per frame: log
-- ARGV  1 channel, or '' to announce nothing; then per frame: request id, id, previous id, kind, meta, bytes,
--       retention ms ('' unless it ends the request), '1' if the body is still needed
-- Returns the indexes (from 1) of the refused frames.

-- A body that is still needed is kept at least this long after the end: SQL may be unavailable to the process that stores it.
local BODY_KEPT_MS = 3600000
local refused = {}
local announced = {}
local index = 0
local function key_of(log, kind) return (string.gsub(log, '}:log:', kind, 1)) end
for a = 2, #ARGV, 8 do
  index = index + 1
  local id, kind, meta, bytes, retention = ARGV[a + 1], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5], ARGV[a + 6]
  local log, is_last = KEYS[index], retention ~= ''
  local added = redis.pcall('XADD', log, 'NOMKSTREAM', id, 'k', kind, 'm', meta, 'b', bytes, 'p', ARGV[a + 2])
  if not added then
    -- The fence creates the log: if there is none, the request was answered by another worker and forgotten.
    refused[#refused + 1] = index
  elseif type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then return redis.error_reply(added.err) end
    -- The attempt's own entry, resent after a lost connection, is not refused: readers find it in the log.
    local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
    if tonumber(string.match(last[1][1], '^%d+')) > tonumber(string.match(id, '^%d+')) then
      refused[#refused + 1] = index
    end
  else
    if is_last then
      local record, body = key_of(log, '}:req:'), key_of(log, '}:body:')
      redis.call('HSET', record, 'state', 'done', 'outcome', kind == 'end' and meta or kind == 'fail' and 'failed' or 'ok')
      redis.call('PEXPIRE', record, retention)
      redis.call('PEXPIRE', log, retention)
      if ARGV[a + 7] == '1' then
        redis.call('PEXPIRE', body, math.max(BODY_KEPT_MS, tonumber(retention)))
      else
        redis.call('UNLINK', body)
      end
    elseif kind == 'head' then
      redis.call('HSET', key_of(log, '}:req:'), 'answered', id)
    end
    if ARGV[1] ~= '' then
      announced[#announced + 1] = ARGV[a] .. ' ' .. id .. ' ' .. ARGV[a + 2] .. ' ' .. kind .. ' ' .. #meta .. ' ' .. #bytes
        .. '\n' .. meta .. bytes
    end
  end
end
if #announced > 0 then redis.call('SPUBLISH', ARGV[1], table.concat(announced)) end
return refused
