-- Removes a letter.
--
-- ARGV: id, and the letter as it was read unless it does not matter.
-- Returns how many were removed.
if ARGV[2] and redis.call('HGET', letters, ARGV[1]) ~= ARGV[2] then return 0 end
return remove(ARGV[1])
