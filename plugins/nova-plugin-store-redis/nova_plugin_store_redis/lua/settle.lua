-- The end of a take. KEYS: the windows to correct, then the leases to free.
-- ARGV: id, how many windows, then for each of them: number, delta, milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local windows = tonumber(ARGV[2])

for i, key in ipairs(KEYS) do
  if i > windows then
    redis.call('ZREM', key, ARGV[1])
  else
    local number, delta, length = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
    local window = redis.call('HGET', key, 'w')
    if window and tonumber(window) == number then
      if redis.call('HINCRBY', key, 'n', delta) < 0 then redis.call('HSET', key, 'n', 0) end
    elseif delta > 0 then
      redis.call('HINCRBY', key, 'n', delta)
      if not window then
        redis.call('HSET', key, 'w', now + length)
        redis.call('PEXPIRE', key, length)
      end
    end
  end
end
return 0
