-- Asks for a permit, after what has ended: granted, or waits for `binding` until `at`; with a place in the queue, if one is wanted.
-- ARGV: proc, lease, channel, known version, number, tokens, handicap, age, mode: 'try' or 'queue', 'retry' or 'again' for the
--   same when it was asked before; then what `hear` wants
local known, number, tokens, handicap, age, mode = unpack(ARGV, 4, 9)
local id = proc .. ':' .. number
tokens, age = tonumber(tokens), tonumber(age)

if not takes_part() then
  return { 'join' }
end
load()
hear(10)
serve()

if mode == 'again' or mode == 'retry' then
  -- The answer to an earlier one was lost, or this waiter wonders whether it was.
  local record = call('HGET', ids_key, id) or NO_RECORD
  local state, _, since = unpack_record('<Bdd', record)
  if state == IN_FLIGHT then
    return answer(known, 'granted', seen_of(record))
  elseif state == WAITING and head then
    return answer(known, 'wait', head.binding, head.at, since)
  elseif state == ENDED and call('ZREM', calls_key, id) == 1 then
    -- It was granted, and taken back when this process was taken for gone. Nobody heard of it, so it never went.
    counted, charged = counted - 1, charged - select(2, unpack_record('<Bd', record))
    call('HDEL', ids_key, id)
  end
end
if max_tokens ~= NONE and tokens > max_tokens then
  return answer(known, 'too large', max_tokens)
end

local rank = now - age + handicap
local binding, at
if head and head.rank <= rank then
  -- An equal rank came earlier, so it goes earlier.
  binding, at = head.binding, head.at
else
  binding, at = wait_for(tokens)
end
if not binding then
  return answer(known, 'granted', grant(id, tokens))
end
if mode == 'queue' or mode == 'again' then
  call('ZADD', queue_key, rank, place_of(id, now))
  call('HSET', ids_key, id, pack('<Bddd', WAITING, tokens, now - age, now))
  if not head then
    expire(queue_key, ids_key)
  end
  if not head or rank < head.rank then
    head = { id = id, rank = rank, binding = binding, at = at }
  end
end
return answer(known, 'wait', binding, at, now - age)
