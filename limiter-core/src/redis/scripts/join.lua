-- A process takes part: the pool is made where there is none, and hears what the process has granted by itself or
-- what the store may have forgotten.
-- ARGV: proc, lease, channel, first ('1': what is known of this process is dropped first),
--   the builder's calls, tokens, concurrency, pacing, span, guard,
--   the last known version (-1: none), whether these were set at run time, calls, tokens, concurrency, pacing, cut,
--   then four fields a call: number, age, tokens, whether in flight ('1' or '0')
local first = ARGV[4] == '1'
local asked = { unpack(ARGV, 5, 10) }
local known = { unpack(ARGV, 11, 17) }
local FIRST_CALL = 18

local function take(limits)
  max_calls, max_tokens, max_concurrency, pacing = tonumber(limits[1]), tonumber(limits[2]), tonumber(limits[3]),
    tonumber(limits[4])
end

local was_there, most_before = exists, max_tokens
if first then
  local set = call('HGET', pool_key, 'set') or '0'
  local known_version = tonumber(known[1])
  if known_version > version or (not exists and known_version >= 0) then
    -- The store has lost its memory, or some of it: the newest limits that anybody remembers count.
    take({ unpack(known, 3, 6) })
    version = known_version
    call('HSET', pool_key, 'set', known[2], 'cut', known[7])
  elseif not exists then
    take(asked)
  elseif set == '0' and (max_calls ~= tonumber(asked[1]) or max_tokens ~= tonumber(asked[2])
      or max_concurrency ~= tonumber(asked[3]) or pacing ~= tonumber(asked[4])) then
    -- Nobody has set limits at run time, so those of the newest configuration count.
    take(asked)
    version = version + 1
  end
  span, guard = tonumber(asked[5]), tonumber(asked[6])
  call('HSET', pool_key, 'limits', pack(LIMITS, version, max_calls, max_tokens, max_concurrency, pacing, span, guard))
  exists = true
end

load()
if first then
  while not bury(proc) do end
end
call('ZADD', procs_key, now, proc)
for field = FIRST_CALL, #ARGV, 4 do
  local id, at, tokens, open = proc .. ':' .. ARGV[field], now - ARGV[field + 1], tonumber(ARGV[field + 2]),
    ARGV[field + 3] == '1'
  local in_window = at > now - span
  local state, before = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
  if in_window or open then
    if state ~= 0 then
      if call('ZSCORE', calls_key, id) then
        charged = charged + tokens - before
      end
    elseif in_window then
      call('ZADD', calls_key, at, id)
      counted, charged, granted = counted + 1, charged + tokens, math.max(granted, at)
    end
    if open then
      in_flight = in_flight + call('ZADD', leases_key, 0, id)
      call('HSET', ids_key, id, pack('<Bdddddd', IN_FLIGHT, tokens, at, counted, charged, in_flight, version))
    else
      call('HSET', ids_key, id, pack('<Bdd', ENDED, tokens, at))
    end
  end
end
if max_tokens ~= most_before then
  send_away()
end
serve()
-- Those keys included that this step has made.
expire(unpack(KEYS, 2))
return answer(-1, 'done', call('ZCARD', procs_key), tonumber(call('HGET', pool_key, 'told:' .. proc) or 0),
  was_there and 1 or 0)
