-- What a scope's window holds now (see permit.lua for its shape). Changes nothing.
--
-- KEYS  1 window
-- Gives {requests, tokens, ms until the window is empty, ms until the scope is no longer blocked}.
local SLICE_MS = 200
local KEEP_SLICES = 302
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = math.floor(now / SLICE_MS) - KEEP_SLICES
local fields = redis.call('HGETALL', KEYS[1])
local requests, tokens, newest, blocked = 0, 0, 0, 0
for i = 1, #fields, 2 do
  local kind, slice = string.match(fields[i], '^([rt])(%d+)$')
  if kind and tonumber(slice) > oldest then
    if kind == 'r' then
      requests = requests + tonumber(fields[i + 1])
      newest = math.max(newest, tonumber(slice))
    else
      tokens = tokens + tonumber(fields[i + 1])
    end
  elseif fields[i] == 'blocked' then
    blocked = tonumber(fields[i + 1])
  end
end
local reset = newest > 0 and (newest + KEEP_SLICES) * SLICE_MS - now or 0
return {requests, tokens, reset, math.max(0, blocked - now)}
