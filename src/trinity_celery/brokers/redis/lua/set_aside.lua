-- Takes a message that cannot be understood out of its queue for good.
--
-- ARGV: its tag.
local key, queue, message, count = take_back(ARGV[1])
if key then set_aside('garbage', queue, count, message) end
