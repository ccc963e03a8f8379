#!lua
-- The pool as every script finds it: loaded, brought up to the present, and ready to be changed.
--
-- The rules are those of `Ledger` and `Pool` in Rust; what differs is how the account is kept. See docs/REDIS.md for
-- each key. Scripts do not roll back, so whatever can fail is looked at before anything is written.
local pool_key, calls_key, ids_key, leases_key, leaving_key, queue_key, procs_key = unpack(KEYS)
local proc, lease, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local call = redis.call
-- One step works on at most so many members of a set, so that no other client waits for long.
local CHUNK = 500
local MOST_SERVED = 100
local NONE, UNKNOWN, NOT_MINE = 0, -1, -2
local CALLS, TOKENS, CONCURRENCY, PACING = 1, 2, 3, 4

-- Records and the pool's state are packed: taking text apart would cost more than all the rest.
local pack, unpack_record = struct.pack, struct.unpack
local LIMITS, STATE = '<ddddddd', '<dddddddd'
-- A record begins with its state: waiting (tokens, since when, came when), in flight (tokens, time, calls, tokens in all, calls in flight,
-- version: what the grant saw), or ended (tokens; in the account until it leaves the window).
local WAITING, IN_FLIGHT, ENDED = 119, 103, 114
local NO_RECORD = pack('<Bdd', 0, 0, 0)

local pool = call('HMGET', pool_key, 'limits', 'state', 'head')
local exists = pool[1] ~= false
local version, max_calls, max_tokens, max_concurrency, pacing, span, guard = 0, 0, 0, 0, 0, 0, 0
local last, shift, charged, granted, leaving, swept, gather, expected = 0, 0, 0, 0, 0, 0, 0, 0
if exists then
  version, max_calls, max_tokens, max_concurrency, pacing, span, guard = unpack_record(LIMITS, pool[1])
end
if pool[2] then
  last, shift, charged, granted, leaving, swept, gather, expected = unpack_record(STATE, pool[2])
end
local head_told = pool[3]

-- The pool's time: the server's, but it never steps back and never stands still. When the server's clock was set
-- back, the difference is made up for from then on, so that windows go on sliding.
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2] + shift
if now <= last then
  if last - now > 1000 then
    shift = shift + last + 1 - now
  end
  now = last + 1
end

local counted, in_flight, lingering = 0, 0, 0
-- What the calling process has to hear: flat, five fields a message.
local mine = {}
-- The first in the queue after `serve`: its id, its rank, what it waits for and until when.
local head = nil

-- Takes out of the account what has left the window.
local function evict()
  local cutoff = now - span
  repeat
    local gone = call('ZRANGE', calls_key, '-inf', cutoff, 'BYSCORE', 'LIMIT', 0, CHUNK)
    if #gone > 0 then
      local ended = {}
      for index, record in ipairs(call('HMGET', ids_key, unpack(gone))) do
        if record then
          local state, tokens = unpack_record('<Bd', record)
          charged = charged - tokens
          if state == ENDED then
            ended[#ended + 1] = gone[index]
          end
        end
      end
      if #ended > 0 then
        call('HDEL', ids_key, unpack(ended))
      end
      call('ZREM', calls_key, unpack(gone))
    end
  until #gone < CHUNK
  counted = call('ZCARD', calls_key)
  if counted == 0 then
    charged = 0
  end
end

local function count_in_flight()
  lingering = 0
  if leaving > 0 then
    call('ZREMRANGEBYSCORE', leaving_key, '-inf', now)
    lingering = call('ZCARD', leaving_key)
    if lingering == 0 then
      leaving = 0
    end
  end
  in_flight = call('ZCARD', leases_key) + lingering
end

local function slot_free_at()
  local must_leave = in_flight - max_concurrency
  if must_leave >= lingering then
    return UNKNOWN
  end
  return tonumber(call('ZRANGE', leaving_key, must_leave, must_leave, 'WITHSCORES')[2])
end

local function tokens_free_at(tokens)
  local excess = charged - max_tokens + tokens
  local oldest = call('ZRANGE', calls_key, 0, CHUNK - 1, 'WITHSCORES')
  local ids = {}
  for index = 1, #oldest, 2 do
    ids[#ids + 1] = oldest[index]
  end
  if #ids == 0 then
    return now
  end
  for index, record in ipairs(call('HMGET', ids_key, unpack(ids))) do
    if record then
      excess = excess - select(2, unpack_record('<Bd', record))
      if excess <= 0 then
        return tonumber(oldest[2 * index]) + span
      end
    end
  end
  -- Not before the last of those looked at; whoever waits looks again then.
  return tonumber(oldest[#oldest]) + span
end

-- What a call of so many tokens has to wait for, and until when; nothing where it may go.
local function wait_for(tokens)
  if now < gather then
    return PACING, gather
  end
  local binding, at = nil, nil
  if max_concurrency ~= NONE and in_flight >= max_concurrency then
    binding, at = CONCURRENCY, slot_free_at()
    -- A wait for a call to end has no known end, so it is named before any that has.
    if at == UNKNOWN then
      return binding, at
    end
  end
  if max_calls ~= NONE and counted >= max_calls then
    local must_leave = counted - max_calls
    local free_at = call('ZRANGE', calls_key, must_leave, must_leave, 'WITHSCORES')[2] + span
    if not at or free_at > at then
      binding, at = CALLS, free_at
    end
  end
  -- A sum above 2^53 would be rounded.
  if max_tokens ~= NONE and tokens > max_tokens - charged then
    local free_at = tokens_free_at(tokens)
    if not at or free_at > at then
      binding, at = TOKENS, free_at
    end
  end
  if granted > 0 and granted + pacing > now and (not at or granted + pacing > at) then
    binding, at = PACING, granted + pacing
  end
  return binding, at
end

-- Puts off the end of keys, which comes when nobody is left to look after them.
local function expire(...)
  local millis = math.ceil(2 * (span + lease) / 1000) + 60000
  for _, key in ipairs({ ... }) do
    call('PEXPIRE', key, millis)
  end
end

-- Charges a call, and answers with what it saw: time, calls, tokens, calls in flight, version.
local function grant(id, tokens)
  counted, charged, in_flight, granted = counted + 1, charged + tokens, in_flight + 1, now
  call('ZADD', calls_key, now, id)
  call('ZADD', leases_key, 0, id)
  call('HSET', ids_key, id, pack('<Bdddddd', IN_FLIGHT, tokens, now, counted, charged, in_flight, version))
  -- The first of its kind has made the key, which has no end yet.
  if counted == 1 then
    expire(calls_key, ids_key)
  end
  if in_flight - lingering == 1 then
    expire(leases_key)
  end
  return now, counted, charged, in_flight, version
end

-- The same of a call that was granted before.
local function seen_of(record)
  local _, _, at, calls, tokens, flying, under = unpack_record('<Bdddddd', record)
  return at, calls, tokens, flying, under
end

-- Tells the process of `id`: in the answer where it is the caller, else by its channel, and counts what it was told
-- so that it notices what got lost on the way.
local function tell(id, word, ...)
  local whose, number = string.match(id, '^(.-):(%d+)$')
  if whose == proc then
    local message = { word, number, ... }
    for field = 1, 7 do
      mine[#mine + 1] = message[field] or 0
    end
  else
    if word ~= 'h' then
      call('HINCRBY', pool_key, 'told:' .. whose, 1)
    end
    local words = { word, number }
    for _, part in ipairs({ ... }) do
      words[#words + 1] = string.format('%.0f', part)
    end
    -- Without the right to publish the others hear of it at their next heartbeat.
    redis.pcall('PUBLISH', channel .. whose, table.concat(words, ' '))
  end
end

-- A place in the queue: of one rank, the first to come is the first to go, so its name begins with when that was.
local function place_of(id, came)
  return pack('>d', came) .. id
end

local function who_is_at(place)
  return string.sub(place, 9)
end

local function unqueue(id)
  local record = call('HGET', ids_key, id) or NO_RECORD
  if unpack_record('<B', record) == WAITING then
    local _, _, _, came = unpack_record('<Bddd', record)
    call('ZREM', queue_key, place_of(id, came))
    call('HDEL', ids_key, id)
  end
end

-- Sends those away who ask for more tokens than the limit, since they would wait for ever.
local function send_away()
  if max_tokens == NONE then
    return
  end
  for _, place in ipairs(call('ZRANGE', queue_key, 0, -1)) do
    local id = who_is_at(place)
    local _, tokens = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
    if tokens > max_tokens then
      unqueue(id)
      tell(id, 'l', max_tokens)
    end
  end
end

-- Lets all through who can go, the first first, and tells the next whom to wait for.
local function serve()
  head = nil
  local served = 0
  while true do
    local first = call('ZRANGE', queue_key, 0, 0, 'WITHSCORES')
    local place = first[1]
    if not place then
      break
    end
    local id = who_is_at(place)
    local record = call('HGET', ids_key, id)
    local state, tokens = unpack_record('<Bd', record or NO_RECORD)
    if state ~= WAITING or not call('ZSCORE', procs_key, string.match(id, '^(.-):')) then
      unqueue(id)
      -- Even where nothing is known of it.
      call('ZREM', queue_key, place)
    else
      local binding, at = wait_for(tokens)
      if not binding and served == MOST_SERVED then
        binding, at = CALLS, now
      end
      if binding then
        head = { id = id, rank = tonumber(first[2]), binding = binding, at = at }
        break
      end
      call('ZREM', queue_key, place)
      tell(id, 'g', grant(id, tokens))
      served = served + 1
    end
  end
end

-- Ends a granted call: `used` tokens, or nil for those that were reserved. False where there is no such call.
local function complete(id, used)
  local state, tokens, at = unpack_record('<Bdd', call('HGET', ids_key, id) or NO_RECORD)
  -- Even a lease whose record is gone, by a hand from outside, does not stay.
  in_flight = in_flight - call('ZREM', leases_key, id)
  if state ~= IN_FLIGHT then
    return false
  end
  -- What has left the window may still stand in the account, where nobody has looked since.
  if at > now - span or call('ZSCORE', calls_key, id) then
    if used then
      charged = charged + used - tokens
      tokens = used
    end
    call('HSET', ids_key, id, pack('<Bdd', ENDED, tokens, at))
  else
    call('HDEL', ids_key, id)
  end
  return true
end

-- What a process has in flight; of many the first `most`, of -1 all.
local function held_by(whose, most)
  return call('ZRANGE', leases_key, '[' .. whose .. ':', '(' .. whose .. ';', 'BYLEX', 'LIMIT', 0, most)
end

-- Ends calls in flight, as many as one command takes.
local function complete_all(held)
  if #held == 0 then
    return
  end
  local ended, gone = {}, {}
  for index, record in ipairs(call('HMGET', ids_key, unpack(held))) do
    local _, tokens, at = unpack_record('<Bdd', record or NO_RECORD)
    if at > now - span then
      ended[#ended + 1], ended[#ended + 2] = held[index], pack('<Bdd', ENDED, tokens, at)
    else
      gone[#gone + 1] = held[index]
    end
  end
  if #ended > 0 then
    call('HSET', ids_key, unpack(ended))
  end
  if #gone > 0 then
    call('HDEL', ids_key, unpack(gone))
  end
  in_flight = in_flight - call('ZREM', leases_key, unpack(held))
end

-- Takes away the places of a process in the queue, but for those in `kept`.
local function unqueue_all(whose, kept)
  for _, place in ipairs(call('ZRANGE', queue_key, 0, -1)) do
    local id = who_is_at(place)
    if not kept[id] and string.match(id, '^(.-):') == whose then
      unqueue(id)
    end
  end
end

-- A process is gone; false: there is more of it than one step clears.
local function bury(whose)
  local held = held_by(whose, CHUNK)
  complete_all(held)
  if #held == CHUNK then
    return false
  end
  unqueue_all(whose, {})
  call('ZREM', procs_key, whose)
  call('HDEL', pool_key, 'told:' .. whose)
  return true
end

-- Until when a process that was heard of now counts as there. It is heard of four times a lease.
local function beat()
  call('ZADD', procs_key, now + lease * 3 / 4, proc)
end

-- Now and then: buries processes that were silent for too long, and puts off the keys' end.
local function sweep()
  if now - swept < lease / 16 then
    return
  end
  swept = now
  for _, whose in ipairs(call('ZRANGE', procs_key, '-inf', now, 'BYSCORE', 'LIMIT', 0, 10)) do
    if not bury(whose) then
      swept = 0
    end
  end
  expire(unpack(KEYS, 2))
end

-- Brings the account up to the present. Whether the calling process takes part is for the caller to look at.
local function load()
  -- First, as burying takes what has left the window for gone from the account.
  evict()
  sweep()
  count_in_flight()
end

local function takes_part()
  local until_when = exists and call('ZSCORE', procs_key, proc)
  if until_when and tonumber(until_when) <= now then
    -- It was silent for too long, but nobody has missed it so far.
    beat()
  end
  return until_when
end

-- What a process tells at its turn, three fields each: what, number, tokens used (-1: as reserved). The answer: 1, or 0 where
-- what it asks about is not so.
--   'b' the process lives           'q' the process leaves
--   'l' has this call its lease?    's' are no more calls in flight than so many (in place of the tokens)?
--   'c' the call has ended          'a' its caller has gone, and the provider does not know it yet
--   'x' a place in the queue is given up, or the grant that was made to it
local function hear(first)
  local so = 1
  for field = first, #ARGV, 3 do
    local what, id, used = ARGV[field], proc .. ':' .. ARGV[field + 1], tonumber(ARGV[field + 2])
    if what == 'c' then
      complete(id, used >= 0 and used or nil)
    elseif what == 'a' then
      -- Without a guard the provider knows it at once.
      if complete(id) and guard > 0 then
        leaving = math.max(leaving, now + guard)
        call('ZADD', leaving_key, now + guard, id)
        lingering, in_flight = lingering + 1, in_flight + 1
        if lingering == 1 then
          expire(leaving_key)
        end
      end
    elseif what == 'x' then
      -- A call that was never sent has used no tokens.
      if not complete(id, 0) then
        unqueue(id)
      end
    elseif what == 'b' then
      beat()
    elseif what == 'l' then
      so = call('ZSCORE', leases_key, id) and 1 or 0
    elseif what == 's' then
      so = call('ZLEXCOUNT', leases_key, '[' .. proc .. ':', '(' .. proc .. ';') <= used and 1 or 0
    elseif what == 'q' then
      while not bury(proc) do end
    end
  end
  return so
end

-- Ends a step: writes what changed, tells the head of the queue, and makes the answer.
local function answer(known, ...)
  local alarm = NOT_MINE
  local now_told = false
  if head then
    now_told = string.format('%s %.0f', head.id, head.at)
    if string.match(head.id, '^(.-):') == proc then
      alarm = head.at
    elseif now_told ~= head_told then
      tell(head.id, 'h', now, head.at)
    end
  end
  call('HSET', pool_key, 'state', pack(STATE, now, shift, charged, granted, leaving, swept, gather, expected))
  if now_told and now_told ~= head_told then
    call('HSET', pool_key, 'head', now_told)
  end
  local limits = {}
  if tonumber(known) ~= version then
    local told = call('HMGET', pool_key, 'set', 'cut')
    limits = { version, max_calls, max_tokens, max_concurrency, pacing, tonumber(told[1] or 0), tonumber(told[2] or 0) }
  end
  return { now, alarm, limits, mine, ... }
end
