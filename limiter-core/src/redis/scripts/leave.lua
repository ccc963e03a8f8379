-- The last chance of a waiter whose time is up: its grant, or what the queue waits for; its place is given up.
-- ARGV: proc, lease, channel, known version, number
local id = proc .. ':' .. ARGV[5]
if not takes_part() then
  return { 'join' }
end
load()
serve()
local record = call('HGET', ids_key, id) or NO_RECORD
local kind = unpack_record('<B', record)
if kind == IN_FLIGHT then
  return answer(ARGV[4], 'granted', seen_of(record))
end
local binding, at = CALLS, UNKNOWN
if p.head then
  binding, at = p.head.binding, p.head.at
end
if kind == WAITING then
  unqueue(id)
  serve()
end
return answer(ARGV[4], 'wait', binding, at, p.now)
