-- Takes messages off their lists, notes their leases, and forgets messages that are done.
--
-- KEYS from 7: lists, in the order in which to look.
-- ARGV: seconds that a lease lasts; how many messages to take at most; the queue of each list; tags of messages that
--   are done.
-- Returns {message, tag, whether it was taken before} for each.
local wanted, taken, lists = tonumber(ARGV[2]), {}, #KEYS - 6
for i = 3 + lists, #ARGV do forget(ARGV[i]) end
for i = 1, lists do
    local list, queue = KEYS[6 + i], ARGV[2 + i]
    for _ = 1, 100 do
        if #taken == wanted then return taken end
        local message = redis.call('RPOP', list)
        if not message then break end
        local ok, content = pcall(cjson.decode, message)
        local tag = ok and type(content) == 'table' and type(content.headers) == 'table'
            and type(content.properties) == 'table' and content.properties.delivery_tag
        if type(tag) == 'string' then
            redis.call('HSET', unacked, tag, '[' .. message .. ',"",' .. cjson.encode(queue) .. ']')
            redis.call('ZADD', index, now, tag)
            redis.call('HSET', leased, tag, cjson.encode({list, queue, #message}))
            redis.call('ZADD', leases, now + ARGV[1], tag)
            table.insert(taken, {message, tag, redis.call('HEXISTS', deliveries, tag)})
        else
            set_aside('garbage', queue, 0, message)
        end
    end
end
return taken
