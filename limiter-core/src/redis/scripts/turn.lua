-- A process's turn: what has ended there since the last one, whoever can go now, and now and then a heartbeat.
-- ARGV: proc, lease, channel, known version, then what `hear` wants, a heartbeat first
local beats = ARGV[5] == 'b'
if exists and not beats and call('EXISTS', queue_key) == 0 then
  -- Nobody waits for what ends: there is nothing to look at, but only to write down.
  hear(5)
  return answer(ARGV[4], 'heard')
end
if not takes_part() then
  return { 'join' }
end
load()
local so = hear(5)
serve()
if not beats then
  return answer(ARGV[4], 'heard')
end
return answer(ARGV[4], 'done', call('ZCARD', procs_key), tonumber(call('HGET', pool_key, 'told:' .. proc) or 0), so)
