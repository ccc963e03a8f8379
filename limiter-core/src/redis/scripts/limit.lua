-- Sets the limits, or cuts them, and lets through or sends away whom that concerns.
-- ARGV: proc, lease, channel, known version, calls, tokens, concurrency, pacing,
--   and when the refused call was granted: a cut, once an episode (-1: not a cut)
local calls, tokens, concurrency, pacing = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local granted_at = tonumber(ARGV[9])

-- A cut never raises; 0 is no limit at all.
local function lower(current, cut)
  if cut == 0 or (current ~= 0 and current < cut) then
    return current
  end
  return cut
end

if not takes_part() then
  return { 'join' }
end
load()
if granted_at >= 0 then
  if granted_at <= tonumber(call('HGET', pool_key, 'cut') or 0) then
    return answer(ARGV[4], 'old')
  end
  calls, tokens, concurrency = lower(p.max_calls, calls), lower(p.max_tokens, tokens), lower(p.max_concurrency, concurrency)
  pacing = math.max(pacing, p.pacing)
end
if calls ~= p.max_calls or tokens ~= p.max_tokens or concurrency ~= p.max_concurrency or pacing ~= p.pacing then
  p.version, p.max_calls, p.max_tokens, p.max_concurrency, p.pacing = p.version + 1, calls, tokens, concurrency, pacing
  call('HSET', pool_key, 'limits', pack(LIMITS, p.version, calls, tokens, concurrency, pacing, p.span, p.guard))
  if granted_at >= 0 then
    call('HSET', pool_key, 'cut', string.format('%.0f', p.now))
  end
  if tokens ~= 0 then
    for _, id in ipairs(call('ZRANGE', queue_key, 0, -1)) do
      local _, wanted = unpack_record('<Bd', call('HGET', ids_key, id) or NO_RECORD)
      if wanted > tokens then
        unqueue(id)
        tell(id, 'l', tokens)
      end
    end
  end
end
call('HSET', pool_key, 'set', '1')
serve()
return answer(ARGV[4], 'set')
