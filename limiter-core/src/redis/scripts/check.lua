-- Whether this user may do what the other scripts do: tried out on the keys of a pool that nobody has.
for _, key in ipairs({ calls_key, leases_key, leaving_key, queue_key, procs_key }) do
  call('ZADD', key, now, 'a')
  call('ZCARD', key)
  call('ZREMRANGEBYSCORE', key, 0, 0)
  call('ZREM', key, 'b')
  call('PEXPIRE', key, 1000)
end
call('ZLEXCOUNT', leases_key, '-', '+')
call('ZCOUNT', procs_key, 0, 0)
for _, key in ipairs({ pool_key, ids_key }) do
  call('HSET', key, 'a', 1)
  call('HINCRBY', key, 'b', 1)
  call('HDEL', key, 'b')
end
call('DEL', unpack(KEYS))
return { 'unused' }
