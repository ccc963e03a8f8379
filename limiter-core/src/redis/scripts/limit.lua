-- Sets the limits, or cuts them, and lets through or sends away whom that concerns.
-- ARGV: proc, lease, channel, known version, calls, tokens, concurrency, pacing,
--   and when the refused call was granted: a cut, once an episode (-1: not a cut)
local asked = { tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]) }
local granted_at = tonumber(ARGV[9])
if not takes_part() then
  return { 'join' }
end
load()
if granted_at >= 0 then
  if granted_at <= tonumber(call('HGET', pool_key, 'cut') or 0) then
    serve()
    return answer(ARGV[4], 'old')
  end
  -- A cut never raises; 0 is no limit at all.
  for dimension, current in ipairs({ max_calls, max_tokens, max_concurrency }) do
    if asked[dimension] == NONE or (current ~= NONE and current < asked[dimension]) then
      asked[dimension] = current
    end
  end
  asked[4] = math.max(asked[4], pacing)
end
if asked[1] ~= max_calls or asked[2] ~= max_tokens or asked[3] ~= max_concurrency or asked[4] ~= pacing then
  max_calls, max_tokens, max_concurrency, pacing = unpack(asked)
  version = version + 1
  call('HSET', pool_key, 'limits', pack(LIMITS, version, max_calls, max_tokens, max_concurrency, pacing, span, guard))
  if granted_at >= 0 then
    call('HSET', pool_key, 'cut', string.format('%.0f', now))
  end
  send_away()
end
call('HSET', pool_key, 'set', '1')
serve()
return answer(-1, 'set')
