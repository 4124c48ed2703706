-- Prepended to every script that counts (lua-script.ts). Lua has only doubles: as arguments of commands, -0 becomes `-0`, 0.5
-- becomes `0.5` and 1e15 becomes `1e+15`, all of which HINCRBY refuses in the middle of a script, whose writes are not undone.

local LARGEST = 1e15

-- Always returns a whole number within the bounds: larger values are clamped and fractions are rounded down. `otherwise` is the
-- result for a value that is not a number.
local function whole(value, otherwise)
  local number = tonumber(value)
  if number == nil or number ~= number then return otherwise end
  return math.floor(math.max(-LARGEST, math.min(LARGEST, number))) + 0
end

-- The number in the form that Redis accepts as an integer.
local function digits(number)
  return string.format('%.0f', number + 0)
end
