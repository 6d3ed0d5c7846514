package idem

import "bazaar/shared/rdb"

// Every script touches one bucket: KEYS[1] is the record, KEYS[2] its bucket's
// marker. Time is the server's.

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// beginSource answers with the name of what it found and the record's fields.
// ARGV: fingerprint, holder, lease ms, progress, join, the loss after which
// Postgres was asked, kept ms, doubt ms.
const beginSource = clock + `
local r = redis.call('HMGET', KEYS[1], 'fingerprint', 'state', 'until', 'progress', 'status', 'body', 'doubtful')
if r[1] then
  if r[1] ~= ARGV[1] then return {'reused'} end
  if r[2] == 'done' then return {'finished', r[4], r[5], r[6]} end
  if tonumber(r[3]) > now then return {'running'} end
  redis.call('HSET', KEYS[1], 'holder', ARGV[2], 'until', now + ARGV[3])
  return {'taken', r[7], r[4]}
end
local marker = redis.call('GET', KEYS[2]) or ''
if string.sub(marker, 1, 6) ~= 'ready:' then return {'unsure'} end
local loss = string.sub(marker, 7)
local age = now - tonumber(loss)
if loss ~= '0' and age < tonumber(ARGV[7]) and ARGV[6] ~= loss then return {'ask', loss} end
if ARGV[5] == '1' then return {'absent'} end
local doubtful = (loss ~= '0' and age < tonumber(ARGV[8])) and '1' or '0'
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'state', 'in_progress', 'holder', ARGV[2],
  'until', now + ARGV[3], 'progress', ARGV[4], 'doubtful', doubtful)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return {'began', doubtful}
`

// finishSource also writes a record that vanished meanwhile: its answer is
// about to be told. ARGV: holder, fingerprint, progress, status, body, kept ms.
const finishSource = `
local r = redis.call('HMGET', KEYS[1], 'state', 'holder')
if r[1] and r[2] ~= ARGV[1] then return 'taken' end
redis.call('HSET', KEYS[1], 'state', 'done', 'holder', ARGV[1], 'fingerprint', ARGV[2], 'progress', ARGV[3],
  'status', ARGV[4], 'body', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 'ok'
`

// yieldSource: ARGV: holder.
const yieldSource = `
local r = redis.call('HMGET', KEYS[1], 'state', 'holder')
if r[1] == 'in_progress' and r[2] == ARGV[1] then redis.call('HSET', KEYS[1], 'until', 0) end
return 'ok'
`

// freeSource: ARGV: holder.
const freeSource = `
local r = redis.call('HMGET', KEYS[1], 'state', 'holder')
if r[1] == 'in_progress' and r[2] == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'ok'
`

// lookSource reads without a claim. ARGV: kept ms.
const lookSource = clock + `
local r = redis.call('HMGET', KEYS[1], 'state', 'fingerprint', 'progress', 'status', 'body')
if r[1] == 'done' then return {'finished', r[2], r[3], r[4], r[5]} end
if r[1] then return {'running'} end
local marker = redis.call('GET', KEYS[2]) or ''
if string.sub(marker, 1, 6) ~= 'ready:' then return {'unsure'} end
local loss = string.sub(marker, 7)
if loss ~= '0' and now - tonumber(loss) < tonumber(ARGV[1]) then return {'ask', loss} end
return {'absent'}
`

// loseSource notes the loss in a bucket that has no marker, and gives the marker.
// KEYS[1] is the marker. ARGV: a random word.
const loseSource = clock + `
local marker = redis.call('GET', KEYS[1])
if marker then return marker end
marker = 'lost:' .. string.format('%d', now) .. ':' .. ARGV[1]
redis.call('SET', KEYS[1], marker)
return marker
`

// stepSource moves a marker on from exactly the one that was seen, and gives
// what it is then. KEYS[1] is the marker. ARGV: seen, next.
const stepSource = `
local marker = redis.call('GET', KEYS[1]) or ''
if marker ~= ARGV[1] then return marker end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`

type scripts struct {
	begin, finish, yield, free, look, lose, step rdb.Script
}

func newScripts() scripts {
	return scripts{
		begin:  rdb.NewScript("idem begin", beginSource),
		finish: rdb.NewScript("idem finish", finishSource),
		yield:  rdb.NewScript("idem yield", yieldSource),
		free:   rdb.NewScript("idem free", freeSource),
		look:   rdb.NewScript("idem look", lookSource),
		lose:   rdb.NewScript("idem lose", loseSource),
		step:   rdb.NewScript("idem step", stepSource),
	}
}
