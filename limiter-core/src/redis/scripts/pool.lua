#!lua
-- The pool as every script finds it: loaded, brought up to the present, and ready to be changed.
--
-- The rules are those of `Ledger` and `Pool` in Rust; what differs is how the account is kept. See docs/REDIS.md for
-- each key. Scripts do not roll back, so whatever can fail is looked at before anything is written.
--
-- This runs at every call, so it is written for speed: the state is one table, since a closure pays for each local that
-- it captures, and numbers are kept packed, since taking text apart would cost more than all the rest.
local pool_key, calls_key, ids_key, leases_key, leaving_key, queue_key, procs_key = unpack(KEYS)
local proc, lease, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local call, pack, unpack_record = redis.call, struct.pack, struct.unpack
local UNKNOWN = -1
local CALLS, TOKENS, CONCURRENCY, PACING = 1, 2, 3, 4
-- The limits (0: none) and the pool's state. A record begins with its kind: waiting (tokens, since), in flight (tokens, time,
-- and what the grant saw: calls, tokens, calls in flight, version), or ended (tokens, time: in the account until it leaves
-- the window).
local LIMITS, STATE, SHORT, LONG = '<ddddddd', '<dddddd', '<Bdd', '<Bdddddd'
local WAITING, IN_FLIGHT, ENDED = 119, 103, 114
local NO_RECORD = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
-- One step looks at no more members of a set at once, and lets no more through the queue.
local CHUNK, MOST_SERVED = 500, 100

local stored = call('HMGET', pool_key, 'limits', 'state', 'head')
local p = {
  exists = stored[1] ~= false, version = 0, max_calls = 0, max_tokens = 0, max_concurrency = 0, pacing = 0, span = 0,
  guard = 0, now = 0, shift = 0, charged = 0, granted = 0, leaving = 0, swept = 0, counted = 0, lingering = 0,
  in_flight = 0, head_told = stored[3],
  -- What the calling process has to hear: flat, seven fields a message.
  mine = {},
}
local last = 0
if stored[1] then
  p.version, p.max_calls, p.max_tokens, p.max_concurrency, p.pacing, p.span, p.guard = unpack_record(LIMITS, stored[1])
end
if stored[2] then
  last, p.shift, p.charged, p.granted, p.leaving, p.swept = unpack_record(STATE, stored[2])
end

-- The pool's time: the server's, but it never steps back and never stands still. When the server's clock was set
-- back, the difference is made up for from then on, so that windows go on sliding.
local clock = call('TIME')
p.now = clock[1] * 1000000 + clock[2] + p.shift
if p.now <= last then
  if last - p.now > 1000 then
    p.shift = p.shift + last + 1 - p.now
  end
  p.now = last + 1
end

local function tokens_free_at(tokens)
  local excess = p.charged + tokens - p.max_tokens
  local oldest = call('ZRANGE', calls_key, 0, CHUNK - 1, 'WITHSCORES')
  local ids = {}
  for index = 1, #oldest, 2 do
    ids[#ids + 1] = oldest[index]
  end
  if #ids == 0 then
    return p.now
  end
  for index, record in ipairs(call('HMGET', ids_key, unpack(ids))) do
    if record then
      local _, held = unpack_record('<Bd', record)
      excess = excess - held
      if excess <= 0 then
        return oldest[2 * index] + p.span
      end
    end
  end
  -- Not before the last of those looked at; whoever waits looks again then.
  return oldest[#oldest] + p.span
end

-- What a call of so many tokens has to wait for, and until when; nothing where it may go.
local function wait_for(tokens)
  local binding, at = nil, nil
  if p.max_concurrency ~= 0 and p.in_flight >= p.max_concurrency then
    local must_leave = p.in_flight - p.max_concurrency
    -- A wait for a call to end has no known end, so it is named before any that has.
    if must_leave >= p.lingering then
      return CONCURRENCY, UNKNOWN
    end
    binding, at = CONCURRENCY, tonumber(call('ZRANGE', leaving_key, must_leave, must_leave, 'WITHSCORES')[2])
  end
  if p.max_calls ~= 0 and p.counted >= p.max_calls then
    local must_leave = p.counted - p.max_calls
    local free_at = call('ZRANGE', calls_key, must_leave, must_leave, 'WITHSCORES')[2] + p.span
    if not at or free_at > at then
      binding, at = CALLS, free_at
    end
  end
  if p.max_tokens ~= 0 and p.charged + tokens > p.max_tokens then
    local free_at = tokens_free_at(tokens)
    if not at or free_at > at then
      binding, at = TOKENS, free_at
    end
  end
  local paced_until = p.granted + p.pacing
  if p.granted > 0 and paced_until > p.now and (not at or paced_until > at) then
    binding, at = PACING, paced_until
  end
  return binding, at
end

-- Charges a call, and answers with what it saw: time, calls, tokens, calls in flight, version.
local function grant(id, tokens)
  local now = p.now
  p.counted, p.charged, p.in_flight, p.granted = p.counted + 1, p.charged + tokens, p.in_flight + 1, now
  call('ZADD', calls_key, string.format('%.0f', now), id)
  call('ZADD', leases_key, '0', id)
  call('HSET', ids_key, id, pack(LONG, IN_FLIGHT, tokens, now, p.counted, p.charged, p.in_flight, p.version))
  return now, p.counted, p.charged, p.in_flight, p.version
end

-- The same of a call that was granted before.
local function seen_of(record)
  local _, _, at, calls, tokens, flying, under = unpack_record(LONG, record)
  return at, calls, tokens, flying, under
end

-- Tells the process of `id`: in the answer where it is the caller, else by its channel, and counts what it was told
-- so that it notices what got lost on the way.
local function tell(id, word, ...)
  local whose, number = string.match(id, '^(.-):(%d+)$')
  if whose == proc then
    local message = { word, number, ... }
    for field = 1, 7 do
      p.mine[#p.mine + 1] = message[field] or 0
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

local function unqueue(id)
  call('ZREM', queue_key, id)
  call('HDEL', ids_key, id)
end

-- Lets all through who can go, the first first. `p.head` is who comes next then: its id, its rank, what it waits for and
-- until when.
local function serve()
  local served = 0
  p.head = nil
  while true do
    local first = call('ZRANGE', queue_key, 0, 0, 'WITHSCORES')
    local id = first[1]
    if not id then
      return
    end
    local kind, tokens = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
    if kind ~= WAITING or not call('ZSCORE', procs_key, string.match(id, '^(.-):')) then
      unqueue(id)
    else
      local binding, at = wait_for(tokens)
      if not binding and served == MOST_SERVED then
        binding, at = CALLS, p.now
      end
      if binding then
        p.head = { id = id, rank = tonumber(first[2]), binding = binding, at = at }
        return
      end
      call('ZREM', queue_key, id)
      tell(id, 'g', grant(id, tokens))
      served = served + 1
    end
  end
end

-- Ends a granted call: `used` tokens, or nil for those that were reserved. False where there is no such call.
local function complete(id, used)
  local kind, tokens, at = unpack_record(SHORT, call('HGET', ids_key, id) or NO_RECORD)
  if kind ~= IN_FLIGHT then
    return false
  end
  p.in_flight = p.in_flight - call('ZREM', leases_key, id)
  -- What has left the window may still stand in the account, where nobody has looked since.
  if at > p.now - p.span or call('ZSCORE', calls_key, id) then
    if used then
      p.charged = p.charged + used - tokens
      tokens = used
    end
    call('HSET', ids_key, id, pack(SHORT, ENDED, tokens, at))
  else
    call('HDEL', ids_key, id)
  end
  return true
end

-- Ends what a process has in flight and takes its places in the queue away; false: not all yet.
local function bury(whose)
  local held = call('ZRANGE', leases_key, '[' .. whose .. ':', '(' .. whose .. ';', 'BYLEX', 'LIMIT', 0, CHUNK)
  for _, id in ipairs(held) do
    complete(id)
  end
  if #held == CHUNK then
    return false
  end
  for _, id in ipairs(call('ZRANGE', queue_key, 0, -1)) do
    if string.match(id, '^(.-):') == whose then
      unqueue(id)
    end
  end
  call('ZREM', procs_key, whose)
  call('HDEL', pool_key, 'told:' .. whose)
  return true
end

-- Buries processes that were silent for three quarters of the lease, and puts off the keys' end.
local function sweep()
  p.swept = p.now
  local silent = string.format('%.0f', p.now - lease * 3 / 4)
  for _, whose in ipairs(call('ZRANGE', procs_key, '-inf', silent, 'BYSCORE', 'LIMIT', 0, 10)) do
    if not bury(whose) then
      p.swept = 0
    end
  end
  local millis = math.ceil(2 * (p.span + lease) / 1000) + 60000
  for key = 2, #KEYS do
    call('PEXPIRE', KEYS[key], millis)
  end
end

-- Brings the account up to the present.
local function load()
  if p.now - p.swept >= lease / 16 then
    sweep()
  end
  local cutoff = string.format('%.0f', p.now - p.span)
  repeat
    local gone = call('ZRANGE', calls_key, '-inf', cutoff, 'BYSCORE', 'LIMIT', 0, CHUNK)
    if #gone > 0 then
      local ended = {}
      for index, record in ipairs(call('HMGET', ids_key, unpack(gone))) do
        if record then
          local kind, tokens = unpack_record('<Bd', record)
          p.charged = p.charged - tokens
          if kind == ENDED then
            ended[#ended + 1] = gone[index]
          end
        end
      end
      if #ended > 0 then
        call('HDEL', ids_key, unpack(ended))
      end
      call('ZREMRANGEBYRANK', calls_key, 0, #gone - 1)
    end
  until #gone < CHUNK
  p.counted = call('ZCARD', calls_key)
  if p.counted == 0 then
    p.charged = 0
  end
  if p.leaving > 0 then
    call('ZREMRANGEBYSCORE', leaving_key, '-inf', string.format('%.0f', p.now))
    p.lingering = call('ZCARD', leaving_key)
    if p.lingering == 0 then
      p.leaving = 0
    end
  end
  p.in_flight = call('ZCARD', leases_key) + p.lingering
end

local function takes_part()
  return p.exists and call('ZSCORE', procs_key, proc)
end

-- What a process tells at its turn, three fields each: what, number, tokens used (-1: as reserved). The answer: whether the
-- last call that it asked about has its lease.
--   'b' the process lives           'l' does this call have its lease?     'q' the process leaves
--   'c' the call has ended          'a' its caller has gone, and the provider does not know it yet
--   'x' a place in the queue is given up, or the grant that was made to it
local function hear(first, final)
  local has_lease = 1
  for field = first, final, 3 do
    local what, id, used = ARGV[field], proc .. ':' .. ARGV[field + 1], tonumber(ARGV[field + 2])
    if what == 'c' then
      complete(id, used >= 0 and used or nil)
    elseif what == 'a' then
      if complete(id) then
        local free_at = p.now + p.guard
        p.leaving = math.max(p.leaving, free_at)
        call('ZADD', leaving_key, string.format('%.0f', free_at), id)
        p.lingering, p.in_flight = p.lingering + 1, p.in_flight + 1
      end
    elseif what == 'x' then
      -- A call that was never sent has used no tokens.
      if not complete(id, 0) then
        unqueue(id)
      end
    elseif what == 'b' then
      call('ZADD', procs_key, string.format('%.0f', p.now), proc)
    elseif what == 'l' then
      has_lease = call('ZSCORE', leases_key, id) and 1 or 0
    elseif what == 'q' then
      while not bury(proc) do end
    end
  end
  return has_lease
end

-- Ends a step: writes what changed, tells the head of the queue, and makes the answer. The second field of it: when the
-- calling process has to see about the head of the queue; -1: when a call ends, -2: never, another process does.
local function answer(known, ...)
  local alarm = -2
  local head = p.head
  if head then
    local now_told = string.format('%s %.0f', head.id, head.at)
    if string.match(head.id, '^(.-):') == proc then
      alarm = head.at
    elseif now_told ~= p.head_told then
      tell(head.id, 'h', p.now, head.at)
    end
    if now_told ~= p.head_told then
      call('HSET', pool_key, 'head', now_told)
    end
  end
  call('HSET', pool_key, 'state', pack(STATE, p.now, p.shift, p.charged, p.granted, p.leaving, p.swept))
  local limits = {}
  if tonumber(known) ~= p.version then
    limits = { p.version, p.max_calls, p.max_tokens, p.max_concurrency, p.pacing }
  end
  return { p.now, alarm, limits, p.mine, ... }
end
