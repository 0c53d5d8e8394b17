-- Counts a start, or says for how long to wait.
--
-- Of the last starts, at most ARGV[1], the newest first, one must be ARGV[2] microseconds old before the next. Who must
-- wait is told a time of its own, or all would come back at once; it is no promise.
--
-- KEYS: a list of the last starts, in microseconds since 1970; the time that was told last.
-- ARGV: how many starts; in how many microseconds.
-- Returns 0, or the microseconds until it makes sense to ask again.
--
-- First something that frees memory: a server that is full refuses a script whose first write takes some.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('LTRIM', KEYS[1], 0, count - 1)
local first = redis.call('LINDEX', KEYS[1], count - 1)
if not first or now - first >= period then
    redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
    redis.call('LTRIM', KEYS[1], 0, count - 1)
    redis.call('PEXPIRE', KEYS[1], math.ceil(period / 1000))
    return 0
end
local free = first + period
local promised = redis.call('GET', KEYS[2])
local turn = promised and math.max(free, promised + period / count) or free
redis.call('SET', KEYS[2], string.format('%.0f', turn), 'PX', math.ceil((turn - now) / 1000))
return string.format('%.0f', turn - now)
