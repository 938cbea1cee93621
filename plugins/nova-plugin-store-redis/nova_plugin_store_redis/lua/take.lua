-- All claims or none. KEYS: one a claim. ARGV: id, then for each claim: kind, amount, limit (-1: none), milliseconds.
-- Answers {1, used, left, window, used, left, window, …}, or {0, number of the claim, used, milliseconds to wait}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = ARGV[1]
local refused, longest, taken = 0, -1, 0

for i, key in ipairs(KEYS) do
  local at = 4 * i - 2
  local amount, limit, length = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local used, wait
  if ARGV[at] == 'window' then
    used = tonumber(redis.call('HGET', key, 'n') or 0)
    wait = redis.call('PTTL', key)
    if wait < 0 then wait = length end
    amount = math.max(amount, 1)
  else
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    used, wait = redis.call('ZCARD', key), 0
  end
  if limit >= 0 and used + amount > limit and wait > longest then
    refused, longest, taken = i, wait, used
  end
end
if refused > 0 then return {0, refused, taken, longest} end

local answer = {1}
for i, key in ipairs(KEYS) do
  local at = 4 * i - 2
  local length = tonumber(ARGV[at + 3])
  local used, left, window = 0, 0, 0
  if ARGV[at] == 'window' then
    used = redis.call('HINCRBY', key, 'n', ARGV[at + 1])
    window = redis.call('HGET', key, 'w')
    if window then
      left = redis.call('PTTL', key)
    else
      window, left = now + length, length
      redis.call('HSET', key, 'w', window)
      redis.call('PEXPIRE', key, length)
    end
  else
    redis.call('ZADD', key, now + length, id)
    if redis.call('PTTL', key) < length then redis.call('PEXPIRE', key, length) end
    used = redis.call('ZCARD', key)
  end
  table.insert(answer, used)
  table.insert(answer, left)
  table.insert(answer, tonumber(window))
end
return answer
