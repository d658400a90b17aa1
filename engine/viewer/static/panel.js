// Everything around the canvas. Text goes in as text, never as markup.

const $ = (id) => document.getElementById(id);
const POINTS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];
const MORE_FACTS = 4; // attributes shown beside the battery
const SUGGESTIONS = 8;

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

export class Panel {
  // on: choose(event), find(text), close(), follow(), zoom(factor), fit(), list().
  constructor(on) {
    this.connection = { name: 'connecting', text: 'Connecting', until: 0 };
    $('event').addEventListener('change', (e) => on.choose(e.target.value));
    $('event').addEventListener('pointerdown', () => on.list());
    $('find').addEventListener('input', (e) => this.suggest(on.suggest(e.target.value, SUGGESTIONS)));
    $('find').addEventListener('change', (e) => e.target.value && on.find(e.target.value));
    $('find-form').addEventListener('submit', (e) => {
      e.preventDefault();
      on.find($('find').value);
    });
    $('card-close').addEventListener('click', () => on.close());
    $('follow').addEventListener('click', () => on.follow());
    $('zoom-in').addEventListener('click', () => on.zoom(1.8));
    $('zoom-out').addEventListener('click', () => on.zoom(1 / 1.8));
    $('zoom-fit').addEventListener('click', () => on.fit());
  }

  // margins are the strips of the screen that panels cover, in pixels.
  margins() {
    const bar = document.querySelector('.bar').getBoundingClientRect();
    const narrow = innerWidth <= 640;
    const below = narrow && !$('card').hidden ? $('card') : document.querySelector('.legend');
    const foot = below.getBoundingClientRect();
    return { top: bar.bottom + 18, bottom: innerHeight - foot.top + 8, left: narrow ? 24 : 40, right: narrow ? 24 : 64 };
  }

  events(list, chosen) {
    const options = list.map((e) => [e.id, e.devices === 1 ? `${e.id} (1 device)` : `${e.id} (${e.devices} devices)`]);
    if (chosen !== null && !list.some((e) => e.id === chosen)) options.push([chosen, chosen]);
    const select = $('event');
    const now = JSON.stringify(options);
    if (now !== this.options) {
      this.options = now;
      select.replaceChildren(...options.map(([id, text]) => new Option(text, id, false, id === chosen)));
    }
    select.value = chosen;
    select.disabled = options.length < 2;
  }

  status(state) {
    if (this.connection.text !== state.text) $('status-text').textContent = state.text;
    $('status').dataset.state = state.name;
    this.connection = state;
    this.countdown();
  }

  countdown() {
    const { name, until } = this.connection;
    const s = Math.ceil((until - performance.now()) / 1000);
    $('status-wait').textContent = name === 'waiting' && s > 0 ? `, retry in ${s} s` : '';
  }

  figures(counts, expected, perSecond, lastUpdate) {
    for (const [state, n] of Object.entries(counts)) put('n-' + state, n);
    $('li-located').hidden = counts.located === 0;
    put('n-devices', expected === 1 ? '1 device' : expected + ' devices');
    put('rate', (perSecond < 10 ? perSecond.toFixed(perSecond ? 1 : 0) : Math.round(perSecond)) + ' updates/s');
    put('last', lastUpdate ? 'Last update ' + localTime(lastUpdate) : 'No update yet');
  }

  scale({ px, text }) {
    $('scale').style.width = px.toFixed(1) + 'px';
    put('scale-text', text);
  }

  message(text, more = '') {
    $('message').hidden = !text;
    put('message-text', text ?? '');
    put('message-more', more);
  }

  suggest(ids) {
    $('found').replaceChildren(...ids.map((id) => new Option(id, id)));
  }

  // card shows a device, or nothing.
  card(d, now, following) {
    $('card').hidden = !d;
    document.body.classList.toggle('with-card', Boolean(d));
    if (!d) return;
    put('card-id', d.id);
    $('card-state').dataset.state = d.state;
    put('card-age', ago(now - d.ts));
    put('card-state', { moving: 'Moving', stopped: 'Stopped', located: 'Seen once', silent: 'No signal since ' + localTime(d.ts) }[d.state]);
    $('follow').setAttribute('aria-pressed', String(following));
    put('follow', following ? 'Following' : 'Follow');
    const rows = facts(d);
    const list = $('card-facts');
    if (list.children.length !== rows.length * 2) {
      list.replaceChildren(...rows.flatMap(() => [document.createElement('dt'), document.createElement('dd')]));
    }
    rows.forEach(([name, value], i) => {
      change(list.children[2 * i], name);
      change(list.children[2 * i + 1], value);
    });
  }
}

function facts(d) {
  const rows = [];
  if (d.speed !== undefined) rows.push(['Speed', (d.speed < 10 ? d.speed.toFixed(1) : Math.round(d.speed)) + ' km/h']);
  if (d.course !== undefined) rows.push(['Course', `${Math.round(d.course) % 360}° ${POINTS[Math.round(d.course / 45) % 8]}`]);
  if (d.alt !== undefined) rows.push(['Altitude', Math.round(d.alt) + ' m']);
  if (d.sats !== undefined) rows.push(['Satellites', String(d.sats)]);
  rows.push(['Latitude', d.lat.toFixed(5) + '°'], ['Longitude', d.lon.toFixed(5) + '°']);
  const { battery, ...others } = d.attributes ?? {};
  if (battery !== undefined) rows.push(['Battery', battery + ' %']);
  for (const [name, value] of Object.entries(others).slice(0, MORE_FACTS)) {
    const text = typeof value === 'object' ? value?.__bigint : typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
    if (text !== undefined) rows.push([name, String(text)]);
  }
  rows.push(['Last update', localTime(d.ts)]);
  return rows;
}

function put(id, text) {
  change($(id), String(text));
}

// change touches the document only where something is new.
function change(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
