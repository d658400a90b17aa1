// The text of the card that shows the details of a device.

const POINTS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];
const MAX_ATTRIBUTES = 12; // shown, beside the battery
const MAX_LENGTH = 120; // of a name or a value, in characters

const clockToday = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const clockBefore = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

// localTime writes ms since the epoch as the reader's local time.
export function localTime(ms) {
  const then = new Date(ms);
  const today = then.toDateString() === new Date().toDateString();
  return (today ? clockToday : clockBefore).format(then);
}

// ago writes a duration in ms in one unit.
export function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 1) return 'now';
  if (s < 100) return s + ' s ago';
  if (s < 100 * 60) return Math.round(s / 60) + ' min ago';
  if (s < 48 * 3600) return Math.round(s / 3600) + ' h ago';
  return Math.round(s / 86400) + ' days ago';
}

// facts returns rows of [name, value].
export function facts(d) {
  const rows = [];
  if (d.speed !== undefined) rows.push(['Speed', (d.speed < 10 ? d.speed.toFixed(1) : Math.round(d.speed)) + ' km/h']);
  if (d.course !== undefined) rows.push(['Course', `${Math.round(d.course) % 360}° ${POINTS[Math.round(d.course / 45) % 8]}`]);
  if (d.alt !== undefined) rows.push(['Altitude', Math.round(d.alt) + ' m']);
  if (d.sats !== undefined) rows.push(['Satellites', String(d.sats)]);
  rows.push(['Latitude', d.lat.toFixed(5) + '°'], ['Longitude', d.lon.toFixed(5) + '°']);
  const { battery, ...others } = d.attributes ?? {};
  if (battery !== undefined) rows.push(['Battery', percent(battery)]);
  const all = Object.entries(others);
  for (const [name, value] of all.slice(0, MAX_ATTRIBUTES)) rows.push([clip(name), plain(value)]);
  if (all.length > MAX_ATTRIBUTES) rows.push(['More attributes', String(all.length - MAX_ATTRIBUTES)]);
  rows.push(['Last update', localTime(d.ts)]);
  return rows;
}

function percent(value) {
  const number = tagged(value, '__bigint') ?? value;
  const readable = typeof number === 'number' || (typeof number === 'string' && number !== '' && Number.isFinite(Number(number)));
  return readable ? clip(`${number} %`) : plain(value);
}

// plain writes any value of an attribute: a number, a string, a boolean,
// {"__bigint":"…"}, {"__buffer_b64":"…"} or null. Lists and other objects are written
// as JSON.
function plain(value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null) return 'none';
  if (typeof value !== 'object') return clip(value);
  const base64 = tagged(value, '__buffer_b64');
  if (base64 !== undefined) return bytes(base64.replace(/=+$/, ''));
  return clip(tagged(value, '__bigint') ?? JSON.stringify(value));
}

// tagged returns the text of an object whose only member has that name, undefined for
// every other value.
function tagged(value, name) {
  if (typeof value?.[name] !== 'string' || Object.keys(value).length !== 1) return undefined;
  return value[name];
}

function bytes(base64) {
  const n = Math.floor((base64.length * 3) / 4);
  return n === 1 ? '1 byte' : n + ' bytes';
}

function clip(value) {
  const text = String(value);
  return text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) + '…' : text;
}
