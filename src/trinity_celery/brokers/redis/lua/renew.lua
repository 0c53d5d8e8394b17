-- Renews leases.
--
-- ARGV: seconds that a lease lasts; tags.
-- Returns the server's time, and the tags of messages that are not leased any more.
redis.call('ZREM', leases, '')
local lost = {tostring(now)}
for i = 2, #ARGV do
    if redis.call('ZSCORE', leases, ARGV[i]) then
        redis.call('ZADD', leases, now + ARGV[1], ARGV[i])
        redis.call('ZADD', index, now, ARGV[i])
    else
        table.insert(lost, ARGV[i])
    end
end
return lost
