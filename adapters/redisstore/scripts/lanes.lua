-- lanes lists lanes with pending deliveries.
--
-- KEYS[1]  lanes           sorted set: lane\0tenant with pending deliveries
-- ARGV[1]  from here, as ZRANGEBYLEX understands it
-- ARGV[2]  to here
-- ARGV[3]  how many entries at most
--
-- Returns entries of the set.
return call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
