package idem

import "bazaar/shared/rdb"

// Every script touches one bucket: KEYS[1] is the record, KEYS[2] its bucket's
// marker. Time is the server's.

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// head takes a record's first line apart (see record.go).
const head = `
local function head(v) return string.match(v, '^(%a) (%S+) (%S+) (%S+) (%S+)\n') end
`

// standing reads the record and takes it for none where it was begun the short
// way in a bucket that is not what its holder believed (see belief.go).
const standing = head + `
local record = redis.call('GET', KEYS[1])
local marker
if record then
  local state, _, belief = head(record)
  if state == 'p' and string.sub(belief, 1, 1) == 'm' then
    marker = redis.call('GET', KEYS[2]) or ''
    if marker ~= 'ready:' .. string.sub(belief, 2) then record = nil end
  end
end
`

// beginSource answers with the name of what it found and its record, if any; of
// a new record also with the loss, where the bucket has been whole for long.
// How long ago a record was begun is seen in what is left of its time.
// ARGV: fingerprint, holder, lease ms, progress, join, the loss after which
// Postgres was asked, kept ms, doubt ms.
const beginSource = standing + `
if record then
  local state, lease, doubtful, holder, print = head(record)
  if state ~= 'p' or print ~= ARGV[1] then return {'known', record} end
  if holder == ARGV[2] then return {'began', doubtful, ''} end
  if ARGV[7] - redis.call('PTTL', KEYS[1]) < tonumber(lease) then return {'running'} end
  local progress = string.sub(record, string.find(record, '\n', 1, true), -1)
  record = table.concat({'p', ARGV[3], doubtful, ARGV[2], print}, ' ') .. progress
  redis.call('SET', KEYS[1], record, 'PX', ARGV[7])
  return {'taken', record}
end
marker = marker or redis.call('GET', KEYS[2]) or ''
if string.sub(marker, 1, 6) ~= 'ready:' then return {'unsure'} end
local loss, doubtful, whole = string.sub(marker, 7), '0', string.sub(marker, 7)
if loss ~= '0' then
  local t = redis.call('TIME')
  local age = t[1] * 1000 + math.floor(t[2] / 1000) - tonumber(loss)
  if age < tonumber(ARGV[7]) then
    if ARGV[6] ~= loss then return {'ask', loss} end
    whole = ''
  end
  if age < tonumber(ARGV[8]) then doubtful = '1' end
end
if ARGV[5] == '1' then return {'absent'} end
redis.call('SET', KEYS[1], table.concat({'p', ARGV[3], doubtful, ARGV[2], ARGV[1]}, ' ') .. '\n' .. ARGV[4], 'PX', ARGV[7])
return {'began', doubtful, whole}
`

// finishSource answers for each key. It also writes a record that vanished
// meanwhile: its answer is about to be told. Who holds a record is a random word,
// so where the word stands the record is its own.
// ARGV: kept ms; of each key its holder, and the record with its answer.
const finishSource = `
local told = {}
for i, key in ipairs(KEYS) do
  local record = redis.call('GETRANGE', key, 0, 511)
  if record ~= '' and not string.find(record, ' ' .. ARGV[2 * i] .. ' ', 1, true) then
    told[i] = 'taken'
  else
    redis.call('SET', key, ARGV[2 * i + 1], 'PX', ARGV[1])
    told[i] = 'ok'
  end
end
return told
`

// yieldSource: ARGV: holder.
const yieldSource = head + `
local record = redis.call('GET', KEYS[1])
if not record then return 'ok' end
local state, ends, doubtful, holder, print = head(record)
if state == 'p' and holder == ARGV[1] then
  local progress = string.sub(record, string.find(record, '\n', 1, true), -1)
  redis.call('SET', KEYS[1], table.concat({'p', '0', doubtful, holder, print}, ' ') .. progress, 'KEEPTTL')
end
return 'ok'
`

// freeSource: ARGV: holder.
const freeSource = head + `
local state, ends, doubtful, holder = head(redis.call('GETRANGE', KEYS[1], 0, 511))
if state == 'p' and holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'ok'
`

// lookSource reads without a claim. ARGV: kept ms.
const lookSource = clock + standing + `
if record then return {'known', record} end
marker = marker or redis.call('GET', KEYS[2]) or ''
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
