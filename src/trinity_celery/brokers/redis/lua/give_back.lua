-- Puts messages back into their queues. A count of 0 tells that a message was given back and never lost.
--
-- ARGV: RPUSH to be next, LPUSH to be last; tags.
for i = 2, #ARGV do
    local key, _, message, count = take_back(ARGV[i])
    if key then
        redis.call('HSET', deliveries, ARGV[i], count)
        redis.call(ARGV[1], key, message)
    end
end
