package presence

import "bazaar/shared/rdb"

// Every script touches the keys of one hash tag. Time is the server's.

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// holdSource registers and renews alike. An older twin of the device goes, a
// newer one makes us the one that lost; beyond the most that there may be the
// oldest goes, and who is older than the newest of these has lost itself. So an
// emptied Redis, or a notice to a replaced session that got lost, is right after
// one round of holding.
//
// A session that begins is newer than all others whatever the clock says, and
// finds its own entry when it begins twice: the first answer got lost.
//
// KEYS: session, last. ARGV: since (0: begins), session, node, device, lease ms,
// most, active ms (0: none). It answers {since, first, lost, replaced}.
const holdSource = clock + `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local since, tail = tonumber(ARGV[1]), '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[4]
local others, newest, known = {}, 0, false
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local began = tonumber(string.sub(m, 1, 13))
  if string.sub(m, 14) == tail then
    known = true
    if since == 0 then since = began end
    if since ~= began then redis.call('ZREM', KEYS[1], m) end
  else
    others[#others + 1] = m
    newest = math.max(newest, began)
  end
end
if since == 0 then since = math.max(now, newest + 1) end
local mine = string.format('%013d', since) .. tail
table.sort(others)
local out, kept, newer, lost = {}, {}, 0, false
for _, m in ipairs(others) do
  local twin = string.match(m, '[^|]*$') == ARGV[4]
  if twin and m > mine then lost = true end
  if twin and m < mine then
    redis.call('ZREM', KEYS[1], m)
    out[#out + 1] = m
  else
    kept[#kept + 1] = m
    if m > mine then newer = newer + 1 end
  end
end
local most = tonumber(ARGV[6])
if lost or newer >= most then
  redis.call('ZREM', KEYS[1], mine)
  return {since, 0, 1, out}
end
while #kept >= most do
  local m = table.remove(kept, 1)
  redis.call('ZREM', KEYS[1], m)
  out[#out + 1] = m
end
redis.call('ZADD', KEYS[1], now + ARGV[5], mine)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local active = math.min(tonumber(ARGV[7]), now)
if active > tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('SET', KEYS[2], string.format('%d', active), 'PX', 2592000000)
end
return {since, (not known and #others == 0) and 1 or 0, 0, out}
`

// leaveSource takes away what is the session's own, whenever it began, and gives
// how many of the user's are left. KEYS: session, last. ARGV: session, node, device.
const leaveSource = clock + `
local tail = '|' .. ARGV[1] .. '|' .. ARGV[2] .. '|' .. ARGV[3]
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(m, 14) == tail then redis.call('ZREM', KEYS[1], m) end
end
redis.call('SET', KEYS[2], string.format('%d', now), 'PX', 2592000000)
return redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%d', now), '+inf')
`

// tellSource answers 1 when the user is to be told of the conversation now.
// KEYS: told. ARGV: conversation, quiet ms.
const tellSource = clock + `
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if now - before < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`

// renewSource keeps a node's lease, or only looks, and notes since when there
// have been any: a Redis that was just emptied has no session yet either.
// KEYS: lease, since. ARGV: node (empty: only look), lease ms. It answers
// {age ms, nodes, now}.
const renewSource = clock + `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('SET', KEYS[2], string.format('%d', now), 'NX')
end
local since = tonumber(redis.call('GET', KEYS[2]) or now)
return {now - since, redis.call('ZRANGE', KEYS[1], 0, -1), now}
`

type scripts struct {
	hold, leave, tell, renew rdb.Script
}

func newScripts() scripts {
	return scripts{
		hold:  rdb.NewScript("presence hold", holdSource),
		leave: rdb.NewScript("presence leave", leaveSource),
		tell:  rdb.NewScript("presence tell", tellSource),
		renew: rdb.NewScript("presence renew", renewSource),
	}
}
