-- A process takes part: the pool is made where there is none, and hears what the process has granted by itself or
-- what the store may have forgotten.
-- ARGV: proc, lease, channel, the builder's calls, tokens, concurrency, pacing, span, guard,
--   the last known version (-1: none), whether these were set at run time, calls, tokens, concurrency, pacing, cut,
--   how many processes there were when the store went away (0: it did not),
--   the numbers of its calls in flight and of those who ask or wait ('-': this is not the first part of what it tells),
--   whether this is the last part ('1'), then four fields a call: number, age, tokens, whether in flight ('1' or '0')
local asked = { unpack(ARGV, 4, 9) }
local known = { unpack(ARGV, 10, 16) }
local were_there = tonumber(ARGV[17])
local first, last_part = ARGV[18] ~= '-', ARGV[19] == '1'
local FIRST_CALL = 20
-- How long grants wait for the others, when the store comes back.
local RETURN = 2000000

local function take(limits)
  max_calls, max_tokens, max_concurrency, pacing = tonumber(limits[1]), tonumber(limits[2]), tonumber(limits[3]),
    tonumber(limits[4])
end

local was_there, most_before = exists and call('ZSCORE', procs_key, proc), max_tokens
if first then
  -- A key of another type would fail half-way through a later step.
  for _, key in ipairs(KEYS) do
    local found, right = call('TYPE', key).ok, (key == pool_key or key == ids_key) and 'hash' or 'zset'
    if found ~= right and found ~= 'none' then
      return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found)
    end
  end
  local set = call('HGET', pool_key, 'set') or '0'
  local known_version = tonumber(known[1])
  if known_version > version or (not exists and known_version >= 0) then
    -- The store has lost its memory, or some of it: the newest limits that anybody remembers count.
    take({ unpack(known, 3, 6) })
    version = known_version
    call('HSET', pool_key, 'set', known[2], 'cut', known[7])
  elseif not exists then
    take(asked)
  elseif set == '0' and known_version < 0 and (max_calls ~= tonumber(asked[1]) or max_tokens ~= tonumber(asked[2])
      or max_concurrency ~= tonumber(asked[3]) or pacing ~= tonumber(asked[4])) then
    -- Nobody has set limits at run time, so those of the process that started last count.
    take(asked)
    version = version + 1
  end
  span, guard = tonumber(asked[5]), tonumber(asked[6])
  call('HSET', pool_key, 'limits', pack(LIMITS, version, max_calls, max_tokens, max_concurrency, pacing, span, guard))
  exists = true
end

if first and were_there > 0 and now - last > RETURN / 10 then
  -- The store was away, for the others as well. Until they have told what they granted meanwhile nobody is granted
  -- anything, and nobody counts as gone.
  gather, expected = now + RETURN, were_there
  for _, other in ipairs(call('ZRANGE', procs_key, '-inf', gather, 'BYSCORE')) do
    call('ZADD', procs_key, gather, other)
  end
end
load()
if first then
  -- What it does not name has ended. What it asks for and has not heard of stays as it is.
  local kept = {}
  for number in string.gmatch(ARGV[18], '%d+') do
    kept[proc .. ':' .. number] = true
  end
  for _, id in ipairs(held_by(proc, -1)) do
    if not kept[id] then
      complete(id)
    end
  end
  unqueue_all(proc, kept)
  if call('ZCARD', procs_key) == 0 then
    -- Those who were told anything have gone without a farewell.
    for _, field in ipairs(call('HKEYS', pool_key)) do
      if string.sub(field, 1, 5) == 'told:' then
        call('HDEL', pool_key, field)
      end
    end
  end
end
beat()
local forgot = tonumber(call('HGET', pool_key, 'forgot') or 0)
for field = FIRST_CALL, #ARGV, 4 do
  local id, at, tokens, open = proc .. ':' .. ARGV[field], now - ARGV[field + 1], tonumber(ARGV[field + 2]),
    ARGV[field + 3] == '1'
  local score = call('ZSCORE', calls_key, id)
  local state, before = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
  if state == WAITING then
    -- It did not wait any longer.
    unqueue(id)
  end
  at = tonumber(score or at)
  local in_window = at > now - span and at > forgot
  if in_window or open then
    if score then
      charged = charged + tokens - before
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
if last_part then
  if gather > 0 and call('ZCARD', procs_key) - call('ZCOUNT', procs_key, gather, gather) >= expected then
    gather = 0
  end
  serve()
end
-- Those keys included that this step has made.
expire(unpack(KEYS, 2))
return answer(-1, 'joined', call('ZCARD', procs_key), tonumber(call('HGET', pool_key, 'told:' .. proc) or 0),
  was_there and 1 or 0)
