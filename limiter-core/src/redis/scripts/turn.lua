-- A process's turn: its heartbeat, what has ended there since the last one, and whoever can go now.
-- ARGV: proc, lease, channel, known version, then three fields an operation: what, number, tokens used (-1: as reserved)
--   'c' the call has ended          'a' its caller has gone, and the provider does not know it yet
--   'x' a place in the queue is given up, or the grant that was made to it    'q' the process leaves (number 0)
if not takes_part() then
  return { 'join' }
end
load()
call('ZADD', procs_key, now, proc)
local held = 1
for field = 5, #ARGV, 3 do
  local what, id, used = ARGV[field], proc .. ':' .. ARGV[field + 1], tonumber(ARGV[field + 2])
  if what == 'c' then
    complete(id, used >= 0 and used or nil)
  elseif what == 'a' then
    if complete(id) then
      leaving = math.max(leaving, now + guard)
      call('ZADD', leaving_key, now + guard, id)
      lingering, in_flight = lingering + 1, in_flight + 1
    end
  elseif what == 'x' then
    -- A call that was never sent has used no tokens.
    if not complete(id, 0) then
      unqueue(id)
    end
  elseif what == 'l' then
    held = call('ZSCORE', leases_key, id) and 1 or 0
  elseif what == 'q' then
    while not bury(proc) do end
  end
end
serve()
return answer(ARGV[4], 'done', call('ZCARD', procs_key), tonumber(call('HGET', pool_key, 'told:' .. proc) or 0), held)
