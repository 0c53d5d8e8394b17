-- What every script about leases begins with. All times are seconds since 1970, by the server's clock.
--
-- KEYS, each with the project's name before it:
--   1 leases         sorted set: until when a message is leased, by its delivery tag
--   2 leased         hash: [list, queue, length of the message] by tag, to put it back where it came from
--   3 deliveries     hash: how often a message was lost, by tag; 0 if it was only given back
--   4 unclaimed      list: what was put aside, one line of JSON about it and then the message
--   5 unacked        hash of kombu's: the message, its exchange and queue, by tag
--   6 unacked_index  sorted set of kombu's: when a message was taken, by tag
--
-- A script first does something that frees memory: a server that is full refuses a script whose first write takes some.
-- https://redis.io/docs/latest/develop/programmability/eval-intro/
local leases, leased, deliveries, unclaimed, unacked, index = unpack(KEYS, 1, 6)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

local function forget(tag)
    redis.call('ZREM', leases, tag)
    redis.call('HDEL', leased, tag)
    redis.call('HDEL', deliveries, tag)
    redis.call('HDEL', unacked, tag)
    redis.call('ZREM', index, tag)
end

local function set_aside(reason, queue, count, message)
    local header = cjson.encode({reason = reason, queue = queue, at = now, deliveries = count})
    redis.call('LPUSH', unclaimed, header .. '\n' .. message)
    redis.call('LTRIM', unclaimed, 0, 9999)
end

-- Nothing for what was given back already: it may be under way to somebody else.
local function take_back(tag)
    redis.call('ZREM', leases, tag)
    local note, stored = redis.call('HGET', leased, tag), redis.call('HGET', unacked, tag)
    if note and stored then
        local count = tonumber(redis.call('HGET', deliveries, tag) or 0)
        forget(tag)
        local key, queue, length = unpack(cjson.decode(note))
        return key, queue, string.sub(stored, 2, 1 + length), count
    end
end
