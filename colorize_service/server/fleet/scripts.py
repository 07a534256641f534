"""What is done on the board in one step: scripts in Lua, which Redis and Valkey run without interruption.

All times are those of the server that runs them, so that clocks may differ. A photo has these keys:

``wanted:ID``
    Somebody waits for it. It lapses by itself, and the photo with it.
``photo:ID``
    A hash: ``attempts`` that were begun; ``begun`` while one is thought to be in work, with its worker; ``finished``.
``lease:ID``
    Held by the worker that has it in work, and renewed while that lives.
``reply:ID``
    A list for the one who waits: the outcome.
``job:ID``
    A hash, of a photo for which nobody holds a connection: its ``task``, and its ``outcome`` in the end; ``cancelled``;
    ``lost`` from when its worker is known to be dead until it is begun again.
``sent:ID``
    Of a job: its message may still be on its way.

``line`` has the ids that wait for a worker with the times until which they count, ``workers`` the names of workers with
the times until which they count, ``jobs`` the ids of jobs that are not at their end.
"""

_NOW = "local now = redis.call('TIME'); now = now[1] + now[2] / 1000000\n"

#: (line, wanted, job, jobs, sent) (id, most in line, seconds, task or '', seconds that a message takes): 1 if it may
#: wait, 0 if the line is full.
ADMIT = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('SET', KEYS[2], 1, 'EX', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], 'task', ARGV[4])
  redis.call('EXPIRE', KEYS[3], ARGV[3])
  redis.call('SADD', KEYS[4], ARGV[1])
  redis.call('SET', KEYS[5], 1, 'EX', ARGV[5])
end
return 1
"""
)

#: (line, wanted, photo, lease, reply, workers) (id, seconds, whether a worker without a lease is dead): state and
#: attempts.
RENEW = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[5]) == 1 or redis.call('HEXISTS', KEYS[3], 'finished') == 1 then return {'finished', 0} end
local known = redis.call('EXISTS', KEYS[2])
redis.call('SET', KEYS[2], 1, 'EX', ARGV[2])
local attempts = tonumber(redis.call('HGET', KEYS[3], 'attempts') or 0)
local begun = redis.call('HGET', KEYS[3], 'begun')
if begun and (redis.call('EXISTS', KEYS[4]) == 1 or ARGV[3] == '0') then return {'begun', attempts} end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if begun then
  redis.call('HDEL', KEYS[3], 'begun')
  redis.call('ZREM', KEYS[6], begun)
  return {'dead', attempts}
end
return {known == 1 and 'queued' or 'forgotten', attempts}
"""
)

#: (line, wanted, photo, lease, job) (id, holder, seconds of the lease, most attempts, seconds to remember).
CLAIM = """
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('HEXISTS', KEYS[3], 'finished') == 1 then return {'finished', 0} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {'gone', 0} end
if redis.call('EXISTS', KEYS[4]) == 1 then return {'held', 0} end
local attempts = redis.call('HINCRBY', KEYS[3], 'attempts', 1)
redis.call('EXPIRE', KEYS[3], ARGV[5])
if attempts > tonumber(ARGV[4]) then return {'worn', attempts} end
redis.call('HSET', KEYS[3], 'begun', ARGV[2])
redis.call('SET', KEYS[4], ARGV[2], 'EX', ARGV[3])
redis.call('HDEL', KEYS[5], 'lost')
return {'yours', attempts}
"""

#: (photo, lease, reply, job, jobs, wanted, line) (id, outcome, seconds to remember): the photo is at its end. -1 if it
#: is a job that has been cancelled.
FINISH = """
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], 'begun')
redis.call('SREM', KEYS[5], ARGV[1])
if redis.call('HEXISTS', KEYS[4], 'cancelled') == 1 then return -1 end
if redis.call('HEXISTS', KEYS[1], 'finished') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'finished', 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('DEL', KEYS[6])
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('HSET', KEYS[4], 'outcome', ARGV[2])
else
  redis.call('RPUSH', KEYS[3], ARGV[2])
  redis.call('EXPIRE', KEYS[3], ARGV[3])
end
return 1
"""

#: (photo, job, wanted, line, jobs) (id, outcome, seconds to remember): 0 if there is no such job. One that is at its
#: end stays as it is.
CANCEL = """
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
if redis.call('HEXISTS', KEYS[2], 'outcome') == 1 then return 1 end
redis.call('HSET', KEYS[2], 'outcome', ARGV[2], 'cancelled', 1)
redis.call('HSET', KEYS[1], 'finished', 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
return 1
"""

#: (line, wanted, photo, lease, job) (id): of a job, its state, its outcome.
JOB = """
local outcome = redis.call('HGET', KEYS[5], 'outcome')
if outcome then return {'ended', outcome} end
if redis.call('EXISTS', KEYS[5]) == 0 then return {'unknown', ''} end
if redis.call('EXISTS', KEYS[4]) == 1 then return {'working', ''} end
return {'queued', ''}
"""

#: (jobs, messages) (prefix, seconds, whether messages are here): ids and tasks of jobs whose workers are dead, or whose
#: messages are nowhere, and how often they were begun. Each is said to one caller, and to another after some seconds,
#: in case that the first could not send it again.
LOST_JOBS = """
local lost = {}
local none = ARGV[3] == '1' and redis.call('LLEN', KEYS[2]) == 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local job, photo = ARGV[1] .. 'job:' .. id, ARGV[1] .. 'photo:' .. id
  local task = redis.call('HGET', job, 'task')
  if not task or redis.call('HEXISTS', photo, 'finished') == 1 then
    redis.call('SREM', KEYS[1], id)
  elseif redis.call('EXISTS', ARGV[1] .. 'lease:' .. id) == 0 then
    if redis.call('HDEL', photo, 'begun') == 1 then redis.call('HSET', job, 'lost', 1) end
    local nowhere = none and redis.call('EXISTS', ARGV[1] .. 'sent:' .. id) == 0
    if (nowhere or redis.call('HEXISTS', job, 'lost') == 1)
      and redis.call('SET', ARGV[1] .. 'resent:' .. id, 1, 'NX', 'EX', ARGV[2]) then
      table.insert(lost, {id, task, redis.call('HGET', photo, 'attempts')})
    end
  end
end
return lost
"""

#: (workers, worker) (name, description, seconds): a worker is there.
ANNOUNCE = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""
)

#: (line, workers) (prefix): how many wait, and the descriptions of the workers that are there.
OVERVIEW = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local workers = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local description = redis.call('GET', ARGV[1] .. 'worker:' .. name)
  if description then table.insert(workers, description) end
end
return {redis.call('ZCOUNT', KEYS[1], now, '+inf'), workers}
"""
)
