-- Forgets messages that are done.
--
-- ARGV: their tags.
for i = 1, #ARGV do forget(ARGV[i]) end
