-- The last chance of a waiter whose time is up: its grant, or what the queue waits for; its place is given up.
-- ARGV: proc, lease, channel, known version, number
local id = proc .. ':' .. ARGV[5]
if not takes_part() then
  return { 'join' }
end
load()
serve()
local record = call('HGET', ids_key, id) or NO_RECORD
local state = unpack_record('<B', record)
if state == IN_FLIGHT then
  return answer(ARGV[4], 'granted', seen_of(record))
end
local binding, at = CALLS, UNKNOWN
if head then
  binding, at = head.binding, head.at
end
if state == WAITING then
  unqueue(id)
  serve()
end
return answer(ARGV[4], 'wait', binding, at, now)
