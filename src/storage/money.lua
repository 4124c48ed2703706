-- Prepended to scripts that add money (lua-script.ts). A picodollar is 1e-12 USD, and Lua numbers are exact only up to 2^53, some
-- 9,000 USD. So an amount is calculated in two parts, whole millionths of a dollar and the rest, and stored as one decimal text.

local REST = 1000000
local MOST_MILLIONTHS = 1e15

-- Returns `otherwise` for a text that is not all digits; larger amounts are clamped to the maximum.
local function money(text, otherwise)
  if type(text) ~= 'string' or not string.match(text, '^%d+$') then return otherwise end
  local high = tonumber(string.sub(text, 1, -7)) or 0
  if high >= MOST_MILLIONTHS then return {MOST_MILLIONTHS, 0} end
  return {high, tonumber(string.sub(text, -6))}
end

local NO_MONEY = {0, 0}
local MOST_MONEY = {MOST_MILLIONTHS, 0}

local function plus(a, b)
  local low = a[2] + b[2]
  local carry = low >= REST and 1 or 0
  local high = a[1] + b[1] + carry
  if high >= MOST_MILLIONTHS then return MOST_MONEY end
  return {high, low - carry * REST}
end

local function isLess(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end

-- Zero if b is larger.
local function minus(a, b)
  if isLess(a, b) then return NO_MONEY end
  local borrow = a[2] < b[2] and 1 or 0
  return {a[1] - b[1] - borrow, a[2] - b[2] + borrow * REST}
end

local function moneyText(amount)
  if amount[1] == 0 then return string.format('%.0f', amount[2]) end
  return string.format('%.0f%06.0f', amount[1], amount[2])
end
