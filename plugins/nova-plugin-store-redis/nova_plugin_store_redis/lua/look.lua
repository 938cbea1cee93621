-- KEYS: windows, leases, values. ARGV: how many windows, how many leases.
-- Answers for each key: units, or leases held, or {value, milliseconds left}; nil for a value that is not there.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local windows, leases = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = {}

for i, key in ipairs(KEYS) do
  if i <= windows then
    answer[i] = tonumber(redis.call('HGET', key, 'n') or 0)
  elseif i <= windows + leases then
    answer[i] = redis.call('ZCOUNT', key, '(' .. now, '+inf')
  else
    local value = redis.call('GET', key)
    answer[i] = value and {value, redis.call('PTTL', key)}
  end
end
return answer
