-- Keeps a letter; the oldest have to go when there are too many.
--
-- ARGV: id, time, letter, most letters, most bytes.
-- Returns the ids of those that had to go.
remove(ARGV[1])
redis.call('ZADD', times, ARGV[2], ARGV[1])
redis.call('HSET', letters, ARGV[1], ARGV[3])
redis.call('INCRBY', bytes, #ARGV[3])
local gone = {}
while redis.call('ZCARD', times) > tonumber(ARGV[4]) or tonumber(redis.call('GET', bytes)) > tonumber(ARGV[5]) do
    local oldest = redis.call('ZRANGE', times, 0, 0)[1]
    if not oldest then break end
    remove(oldest)
    table.insert(gone, oldest)
end
return gone
