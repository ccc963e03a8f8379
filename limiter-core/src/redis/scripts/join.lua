-- A process takes part: the pool is made where there is none, and hears what the process has granted by itself or
-- what the store may have forgotten.
-- ARGV: proc, lease, channel, first ('1': what is known of this process is dropped first),
--   the builder's calls, tokens, concurrency, pacing, span, guard,
--   the last known version (-1: none), whether these were set at run time, calls, tokens, concurrency, pacing, cut,
--   then four fields a call: number, age, tokens, whether in flight ('1' or '0')
local first = ARGV[4] == '1'
local FIRST_CALL = 18

-- Makes the limits those that begin at a field.
local function take(field)
  p.max_calls, p.max_tokens, p.max_concurrency, p.pacing = tonumber(ARGV[field]), tonumber(ARGV[field + 1]),
    tonumber(ARGV[field + 2]), tonumber(ARGV[field + 3])
end

local was_there = p.exists
if first then
  local known_version = tonumber(ARGV[11])
  if known_version > p.version or (not was_there and known_version >= 0) then
    -- The store has lost its memory, or some of it: the newest limits that anybody remembers count.
    take(13)
    p.version = known_version
    call('HSET', pool_key, 'set', ARGV[12], 'cut', ARGV[17])
  elseif not was_there then
    take(5)
  elseif call('HGET', pool_key, 'set') ~= '1' then
    -- Nobody has set limits at run time, so those of the newest configuration count.
    local calls, tokens, concurrency, pacing = p.max_calls, p.max_tokens, p.max_concurrency, p.pacing
    take(5)
    if calls ~= p.max_calls or tokens ~= p.max_tokens or concurrency ~= p.max_concurrency or pacing ~= p.pacing then
      p.version = p.version + 1
    end
  end
  p.span, p.guard, p.exists = tonumber(ARGV[9]), tonumber(ARGV[10]), true
  call('HSET', pool_key, 'limits',
    pack(LIMITS, p.version, p.max_calls, p.max_tokens, p.max_concurrency, p.pacing, p.span, p.guard))
end

load()
if first then
  while not bury(proc) do end
end
call('ZADD', procs_key, string.format('%.0f', p.now), proc)
for field = FIRST_CALL, #ARGV, 4 do
  local id, at, tokens, open = proc .. ':' .. ARGV[field], p.now - ARGV[field + 1], tonumber(ARGV[field + 2]),
    ARGV[field + 3] == '1'
  local in_window = at > p.now - p.span
  local kind, before = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
  if in_window or open then
    if kind ~= 0 then
      if call('ZSCORE', calls_key, id) then
        p.charged = p.charged + tokens - before
      end
    elseif in_window then
      call('ZADD', calls_key, string.format('%.0f', at), id)
      p.counted, p.charged, p.granted = p.counted + 1, p.charged + tokens, math.max(p.granted, at)
    end
    if open then
      p.in_flight = p.in_flight + call('ZADD', leases_key, '0', id)
      call('HSET', ids_key, id, pack(LONG, IN_FLIGHT, tokens, at, p.counted, p.charged, p.in_flight, p.version))
    else
      call('HSET', ids_key, id, pack(SHORT, ENDED, tokens, at))
    end
  end
end
serve()
-- The keys must end one day, those that this step has made included.
sweep()
return answer(-1, 'done', call('ZCARD', procs_key), tonumber(call('HGET', pool_key, 'told:' .. proc) or 0),
  was_there and 1 or 0)
