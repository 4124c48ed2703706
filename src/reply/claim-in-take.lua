-- Claims the request of a job (claim.lua, as `claim`) in the script that takes the job. Used only if one server has all keys.
--
-- args from `from`: namespace, worker id, how long a silent worker counts as alive, ms, log's time to live, ms, newest
-- contract version that the worker reads, longest body that is returned, bytes
-- Returns the reply of claim.lua; false if this script cannot parse the job's data.
local SHARDS = '0123456789abcdefghjkmnpqrstvwxyz'
local function claim_request(data, args, from)
  local id, step = string.match(data, '^{"requestId":"(req_%w+)","step":(%d+)}$')
  local shard = id and string.find(SHARDS, string.sub(id, 5, 5), 1, true)
  if not shard then return false end
  local tag = '{' .. args[from] .. ':r' .. (shard - 1) .. '}:'
  local keys = {tag .. 'req:' .. id, tag .. 'body:' .. id, tag .. 'log:' .. id, tag .. 'workers'}
  return claim(keys, {step, args[from + 1], args[from + 2], args[from + 3], args[from + 4], args[from + 5], id,
    tag .. 'worker:'})
end
