-- Puts messages back whose lease has run out, and puts aside what was lost too often.
--
-- ARGV: how often a message may be lost.
-- Returns how many leases had run out.
local tags = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 100)
for _, tag in ipairs(tags) do
    local key, queue, message, count = take_back(tag)
    if key and count + 1 >= tonumber(ARGV[1]) then
        set_aside('crash limit', queue, count + 1, message)
    elseif key then
        redis.call('HSET', deliveries, tag, count + 1)
        redis.call('RPUSH', key, message)
    end
end
return #tags
