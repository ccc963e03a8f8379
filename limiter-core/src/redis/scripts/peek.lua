-- What goes on in the pool; `forget` takes the window's calls out of the account first, `limits` those set as well.
-- ARGV: proc, lease, channel, known version, what ('look', 'forget' or 'limits')
if not exists then
  return { 'unused' }
end
load()
if ARGV[5] ~= 'look' then
  local kept = {}
  for _, id in ipairs(call('ZRANGE', leases_key, 0, -1)) do
    -- Granted at no time within any window, so that it is not settled.
    local record = call('HGET', ids_key, id)
    if record then
      local _, _, _, calls, tokens, flying, under = unpack_record('<Bdddddd', record)
      kept[#kept + 1] = { id, pack('<Bdddddd', IN_FLIGHT, 0, 0, calls, tokens, flying, under) }
    end
  end
  for _, place in ipairs(call('ZRANGE', queue_key, 0, -1)) do
    local id = who_is_at(place)
    kept[#kept + 1] = { id, call('HGET', ids_key, id) }
  end
  call('DEL', ids_key, calls_key)
  for _, entry in ipairs(kept) do
    if entry[2] then
      call('HSET', ids_key, entry[1], entry[2])
    end
  end
  expire(ids_key)
  counted, charged, granted = 0, 0, 0
  -- Nor does it come back by what processes remember.
  call('HSET', pool_key, 'forgot', string.format('%.0f', now))
  if ARGV[5] == 'limits' then
    call('HSET', pool_key, 'set', '0')
  end
end
serve()
-- Since when the one has waited who came first; whoever is urgent stands before those who came earlier.
local oldest = UNKNOWN
for _, place in ipairs(call('ZRANGE', queue_key, 0, CHUNK - 1)) do
  local state, _, since = unpack_record('<Bdd', call('HGET', ids_key, who_is_at(place)) or NO_RECORD)
  if state == WAITING and (oldest == UNKNOWN or since < oldest) then
    oldest = since
  end
end
return answer(-1, 'seen', counted, charged, in_flight, call('ZCARD', queue_key), call('ZCARD', procs_key), span, guard,
  tonumber(call('HGET', pool_key, 'set') or 0), tonumber(call('HGET', pool_key, 'cut') or 0), oldest)
