// The scripts of keys in Redis. A record is one text, which takes a third of the memory of a hash: a letter for its state,
// the fingerprint, the owner (its first jid), then a part that only this program reads. States: `o` open, `d` done, `u`
// unknown, `w` withdrawn.

export const fingerprintChars = 43;
const ownerChars = 36;
/** The length of the state, the fingerprint and the owner. */
export const headChars = 1 + fingerprintChars + ownerChars;

/** The outcome of a claim that its caller gave up before the reply. */
export const withdrawn = 'withdrawn';

/** How long a withdrawn claim is remembered: a claim that is held up, for example by a Redis that hangs, arrives before. */
const withdrawnMs = 60_000;

const ownerOf = (record: string): string => `string.sub(${record}, ${headChars - ownerChars + 1}, ${headChars})`;

/**
 * ARGV: for each key the time to live and its record. A record without an owner is only looked up. A claim that arrives
 * twice, because its connection was lost, finds its own record.
 */
export const claimScript = `
local replies = {}
for i, key in ipairs(KEYS) do
  local record = ARGV[2 * i]
  local owner = ${ownerOf('record')}
  local found = redis.call('GET', key)
  local isFree = not found or string.sub(found, 1, 1) == 'w'
  if found and owner ~= '' and ${ownerOf('found')} == owner then
    replies[i] = { isFree and '${withdrawn}' or 'claimed' }
  elseif not isFree then
    replies[i] = { found, redis.call('PTTL', key) }
  elseif owner == '' then
    replies[i] = { 'absent' }
  else
    redis.call('SET', key, record, 'PX', ARGV[2 * i - 1])
    replies[i] = { 'claimed' }
  end
end
return replies`;

/**
 * ARGV: for each key the time to live and its record. A record of another owner stays as it is. A record that is gone is
 * written anew, unless its jobs were refused (state \`x\`).
 */
export const settleScript = `
for i, key in ipairs(KEYS) do
  local record = ARGV[2 * i]
  local state = string.sub(record, 1, 1)
  local found = redis.call('GET', key)
  if not found or ${ownerOf('found')} == ${ownerOf('record')} then
    if state == 'x' then
      redis.call('DEL', key)
    else
      redis.call('SET', key, record, 'PX', state == 'w' and ${withdrawnMs} or ARGV[2 * i - 1])
    end
  end
end`;
