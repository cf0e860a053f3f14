-- Take of package budget, in one step. Times are in milliseconds.
-- KEYS: slots (call by end of lease), turns (call by moment), the next free turn
-- ARGV: call, calls per second, calls at once, patience, lease, busy, forgotten,
--       now (empty: this server's clock)
-- Returns how long to wait, rounded up; 0 when the call may be dialled.
local slots, turns, next = KEYS[1], KEYS[2], KEYS[3]
local call, rate, limit, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, busy, forgotten = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = tonumber(ARGV[8])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
-- Lua would write large numbers with an exponent.
local function text(ms) return string.format('%.3f', ms) end

redis.call('ZREMRANGEBYSCORE', slots, '-inf', text(now))
redis.call('ZREMRANGEBYSCORE', turns, '-inf', text(now - forgotten))
if limit > 0 and not redis.call('ZSCORE', slots, call) and redis.call('ZCARD', slots) >= limit then
  return busy
end
if rate > 0 then
  local due = tonumber(redis.call('ZSCORE', turns, call) or '')
  if not due then
    due = math.max(now, tonumber(redis.call('GET', next) or '0'))
    if due - now <= patience then
      local keep = math.ceil(due - now + forgotten + 1000 / rate)
      redis.call('SET', next, text(due + 1000 / rate), 'PX', keep)
      redis.call('ZADD', turns, text(due), call)
      redis.call('PEXPIRE', turns, keep)
    end
  end
  if due > now then
    return math.ceil(due - now)
  end
  redis.call('ZREM', turns, call)
end
redis.call('ZADD', slots, text(now + lease), call)
redis.call('PEXPIRE', slots, 4 * lease)
return 0
