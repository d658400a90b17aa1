// Puts the page together.

import { Chart } from './chart.js';
import { Fleet } from './fleet.js';
import { scaleBar } from './grid.js';
import { control } from './input.js';
import { Live } from './live.js';
import { Panel } from './panel.js';
import { watchTheme } from './theme.js';
import { metresPerPixel, View } from './view.js';

const TICK_MS = 500;
const RATE_TICKS = 6; // the update rate is a mean over so many ticks
const LIST_MS = 5 * 60_000; // the list of events is asked for at least so often
const EMPTY_LIST_MS = 5_000;
const SPOKEN_MS = 10_000; // between two descriptions of the map for screen readers
const CLOSE_UP_M = 4; // metres a pixel when a device is looked for
const TIGHTER = 1.6; // the automatic fit zooms in when that much can be gained

const canvas = document.getElementById('map');
let ahead = 0; // of the server's clock before ours, ms
let deaf = 0; // since when we hear nothing, server's clock; 0 while we do
const serverNow = () => deaf || Date.now() + ahead;
const fleet = new Fleet(serverNow);
const view = new View();
const chart = new Chart(canvas, view, fleet);
const frames = {};
const errors = [];

let events = null;
let event = null;
let connection = { name: 'connecting' };
let counts = fleet.judge();
let automatic = true; // the view keeps everything in sight until the user moves it
let fitted = false;
let history = [];
let perSecond = 0;
let spoken = 0;

const url = new URL('live?batch=1', document.baseURI);
url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
url.hash = '';
const live = new Live(url, {
  onState(state) {
    connection = state;
    if (state.name !== 'live') deaf ||= serverNow();
    if (state.name === 'refused') forget(); // what was shown may not be seen any more
    canvas.classList.toggle('deaf', state.name !== 'live');
    panel.status(state);
    describe();
  },
  onFrame(frame) {
    frames[frame.type] = (frames[frame.type] ?? 0) + 1;
    if (frame.type === 'welcome' && live.connections > 1) listEvents();
    if (frame.type === 'error' && errors.push(frame) > 20) errors.shift();
    const news = fleet.apply(frame);
    if (connection.name === 'live' && fleet.sweep === null) deaf = 0; // the whole picture is here
    if (!news) return;
    if (!fitted && fleet.sweep === null) fit(false);
    chart.changed();
  },
});

const panel = new Panel({
  choose: (id) => (location.hash = live.token ? new URLSearchParams({ event: id, token: live.token }) : encodeURIComponent(id)),
  list: () => listEvents(),
  suggest: (text, most) => matching(text).slice(0, most).map((d) => d.id),
  find: (text) => {
    const d = matching(text)[0];
    if (!d) return false;
    select(d);
    const scale = metresPerPixel(d.y, 1) / CLOSE_UP_M;
    moved();
    glide(view.centred(d.x, d.y, Math.max(scale, view.scale)));
    return true;
  },
  close: () => {
    select(null);
    canvas.focus({ preventScroll: true }); // what had it is gone
  },
  follow: () => {
    chart.following = !chart.following;
    if (chart.following) automatic = false;
    card();
    chart.ask();
  },
  zoom: (factor) => {
    moved(true);
    glide(view.zoomed(factor, view.width / 2, view.height / 2));
  },
  fit: () => fit(true),
});

control(canvas, view, {
  moved: () => moved(),
  zoom: (factor, x, y) => {
    moved();
    glide(view.zoomed(factor, x, y));
  },
  point: (place) => {
    const d = place && chart.find(place);
    canvas.classList.toggle('over', Boolean(d));
    if (d !== chart.hovered) {
      chart.hovered = d;
      chart.ask();
    }
  },
  pick: (place) => select(chart.find(place)),
  fit: () => fit(true),
  escape: () => select(null),
});

// moved is called when the user has taken the view into his own hands.
function moved(keepFollowing = false) {
  automatic = false;
  if (!keepFollowing) chart.following = false;
  chart.ask();
}

function fit(smooth) {
  automatic = true;
  chart.following = false;
  const b = fleet.bounds();
  if (!b) return;
  fitted = true;
  if (smooth) return glide(view.fitting(b));
  view.go(view.fitting(b));
  chart.ask();
}

// glide moves the view smoothly, for those who want that.
function glide(to) {
  view.go(to, performance.now(), !chart.calm.matches);
  chart.ask();
}

// keepInSight fits again when devices have left the view, or gathered.
function keepInSight() {
  const b = fleet.bounds();
  if (!automatic || !b || view.glide) return;
  if (!fitted || !view.shows(b) || view.fitting(b).scale > TIGHTER * view.scale) fit(fitted);
}

function select(d) {
  chart.selected = d;
  chart.following = false;
  chart.trails.stale = true;
  card();
  view.margin = panel.margins();
  chart.ask();
}

function card() {
  panel.card(chart.selected, serverNow(), chart.following);
}

function matching(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const rank = (d) => (d.id.toLowerCase() === wanted ? 0 : d.id.toLowerCase().startsWith(wanted) ? 1 : 2);
  return [...fleet.devices.values()]
    .filter((d) => d.id.toLowerCase().includes(wanted))
    .sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

// watch shows the event that the address names, or the first.
function watch() {
  const named = fragment();
  live.use(named.token);
  const wanted = named.event || events?.[0]?.id;
  if (wanted === undefined || wanted === event) return;
  event = wanted;
  document.title = `${event} · Pitwall`;
  forget();
  if (events) panel.events(events, event);
  live.watch(event);
}

// forget clears the map.
function forget() {
  fleet.clear();
  select(null);
  chart.hovered = null;
  fitted = false;
  automatic = true;
  history = [];
  chart.changed();
}

// fragment reads #<event>, or #event=…&token=… of a share link.
function fragment() {
  const text = location.hash.slice(1);
  if (!/^(event|token)=/.test(text)) return { event: decode(text), token: '' };
  const fields = new URLSearchParams(text);
  return { event: fields.get('event') ?? '', token: fields.get('token') ?? '' };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

let listTimer = 0;

// listEvents asks for the events, and learns the server's time on the way.
async function listEvents() {
  clearTimeout(listTimer);
  const asked = Date.now();
  try {
    const answer = await fetch('events.json', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const date = Date.parse(answer.headers.get('date'));
    // The header is cut to seconds: half a second is its mean error.
    if (date) ahead = date + 500 - (asked + Date.now()) / 2;
    events = await answer.json();
    watch();
    panel.events(events, event);
  } catch (err) {
    console.warn('pitwall: list of events:', err.message);
  }
  clearTimeout(listTimer);
  listTimer = setTimeout(listEvents, (events?.length ? LIST_MS : EMPTY_LIST_MS) * (0.75 + Math.random() / 2));
  describe();
}

// describe says in the middle of the page why there is nothing to see.
function describe() {
  if (connection.title) return panel.message(fleet.devices.size ? null : connection.title, connection.more);
  if (event === null) {
    if (!events) return panel.message(listTimer ? 'The server does not answer' : null, 'Trying again.');
    return panel.message('No event to show', 'If you were given a link, open it. Otherwise there is no event here yet.');
  }
  if (fleet.devices.size || fleet.sweep || connection.name !== 'live') return panel.message(null);
  if (fleet.expected === 0) return panel.message('No devices yet', 'Nobody takes part in this event so far.');
  return panel.message('Waiting for the first position');
}

function tick() {
  counts = fleet.judge();
  history.push([performance.now(), fleet.updates]);
  if (history.length > RATE_TICKS + 1) history.shift();
  const [[t0, n0], [t1, n1]] = [history[0], history.at(-1)];
  perSecond = t1 > t0 ? Math.max(0, ((n1 - n0) * 1000) / (t1 - t0)) : 0;
  for (const which of ['selected', 'hovered']) {
    const d = chart[which];
    if (d && fleet.devices.get(d.id) !== d) chart[which] = null;
  }
  panel.figures(counts, fleet.expected, perSecond, fleet.lastUpdate);
  panel.countdown();
  card();
  describe();
  keepInSight();
  if (performance.now() - spoken > SPOKEN_MS) {
    spoken = performance.now();
    canvas.setAttribute('aria-label', `Map of event ${event ?? ''}: ${counts.moving} moving, ${counts.stopped} stopped, ${counts.silent} without signal`);
  }
  chart.changed();
}

chart.onResize = () => {
  view.margin = panel.margins();
  if (automatic) fit(false);
};
chart.onDrawn = () => panel.scale(scaleBar(metresPerPixel(view.worldY(view.height - view.margin.bottom), view.scale), 130));
watchTheme((theme) => chart.setTheme(theme));
addEventListener('hashchange', watch);
setInterval(tick, TICK_MS);
view.margin = panel.margins();
watch();
listEvents();

// For tests, and for whoever opens the console.
window.pitwall = {
  get connection() { return connection.name; },
  get event() { return event; },
  get events() { return events; },
  get devices() { return fleet.devices.size; },
  get expected() { return fleet.expected; },
  get counts() { return fleet.judge(); },
  get positions() { return fleet.devices; },
  get updates() { return fleet.updates; },
  get updatesPerSecond() { return perSecond; },
  get ignored() { return fleet.ignored; },
  get conflated() { return fleet.conflated; },
  get connections() { return live.connections; },
  get drawn() { return chart.drawn; },
  get costs() { return { frame: chart.cost, trails: chart.trails.cost }; },
  frames,
  errors,
  view,
};
