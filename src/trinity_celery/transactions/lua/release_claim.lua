-- Gives a claim back. Only who still holds it may: another one may have taken it over.
--
-- KEYS: the key of the effect.
-- ARGV: the claim.
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])
