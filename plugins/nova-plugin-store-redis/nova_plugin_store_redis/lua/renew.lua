-- Leases that are still held. KEYS: theirs. ARGV: for each of them: id, milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for i, key in ipairs(KEYS) do
  local length = tonumber(ARGV[2 * i])
  redis.call('ZADD', key, now + length, ARGV[2 * i - 1])
  if redis.call('PTTL', key) < length then redis.call('PEXPIRE', key, length) end
end
return 0
