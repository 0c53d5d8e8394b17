-- What every script about dead letters begins with. What takes memory comes after what frees some, or a server that
-- is full refuses it.
--
-- KEYS, each with `PROJECT:dead_letters:` before it:
--   1 times    sorted set: when a letter died, in seconds since 1970, by its id
--   2 letters  hash: the letter as JSON, by its id
--   3 bytes    how many bytes all letters take
local times, letters, bytes = unpack(KEYS)

local function remove(id)
    local length = redis.call('HSTRLEN', letters, id)
    redis.call('HDEL', letters, id)
    local count = redis.call('ZREM', times, id)
    redis.call('DECRBY', bytes, length)
    return count
end
