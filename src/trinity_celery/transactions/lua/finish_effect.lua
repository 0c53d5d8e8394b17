-- Marks an effect as done. Only who still holds the claim may: another one may have taken it over.
--
-- KEYS: the key of the effect.
-- ARGV: the claim; what is kept instead; for how many seconds.
-- Returns nothing if the claim is not held any more.
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
