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
const LIST_MS = 5 * 60_000; // the list of events is fetched about so often
const EMPTY_LIST_MS = 5_000; // the same, while it is empty
const LABEL_MS = 10_000; // between two descriptions of the map for screen readers
const CLOSE_UP_M = 4; // metres per pixel after a search for a device
const TIGHTER = 1.6; // the automatic fit zooms in if the scale can grow by this factor

const canvas = document.getElementById('map');
let clockOffset = 0; // of the server's clock from this one, ms
let frozenAt = 0; // the server's time when the connection was lost; 0 while it is live
const serverNow = () => frozenAt || Date.now() + clockOffset;
const fleet = new Fleet(serverNow);
const view = new View();
const chart = new Chart(canvas, view, fleet);
const frames = {}; // how many came, by type
const errors = []; // the last error frames

let events = null; // the list of events; null before it came
let event = null; // the id of the event on the map
let connection = { name: 'connecting' }; // the last state of live
let counts = fleet.updateStates(); // devices by state
let autoFit = true; // keep all devices in view, until the user moves it
let fitted = false; // the view was fitted to devices of this event
let history = []; // of [time, updates], one per tick
let perSecond = 0; // updates
let labelledAt = 0;

const url = new URL('live?batch=1', document.baseURI);
url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
url.hash = '';
const live = new Live(url, {
  onState(state) {
    connection = state;
    if (state.name !== 'live') frozenAt ||= serverNow();
    if (state.name === 'refused') clearMap(); // what it shows may not be seen any more
    canvas.classList.toggle('frozen', state.name !== 'live');
    panel.status(state);
    showMessage();
  },
  onFrame(frame) {
    frames[frame.type] = (frames[frame.type] ?? 0) + 1;
    if (frame.type === 'welcome' && live.connections > 1) fetchEvents();
    if (frame.type === 'error' && errors.push(frame) > 20) errors.shift();
    const changed = fleet.apply(frame);
    if (connection.name === 'live' && fleet.snapshot === null) frozenAt = 0; // the snapshot is complete
    if (!changed) return;
    if (!fitted && fleet.snapshot === null) fit(false);
    chart.fleetChanged();
  },
});

const panel = new Panel({
  choose: (id) => (location.hash = live.token ? new URLSearchParams({ event: id, token: live.token }) : encodeURIComponent(id)),
  list: () => fetchEvents(),
  suggest: (text, limit) => matching(text).slice(0, limit).map((d) => d.id),
  find: (text) => {
    const d = matching(text)[0];
    if (!d) return false;
    select(d);
    const scale = metresPerPixel(d.y, 1) / CLOSE_UP_M;
    userMoved();
    glide(view.centred(d.x, d.y, Math.max(scale, view.scale)));
    return true;
  },
  close: () => {
    select(null);
    canvas.focus({ preventScroll: true }); // the card that had it is hidden
  },
  follow: () => {
    chart.following = !chart.following;
    if (chart.following) autoFit = false;
    showCard();
    chart.requestDraw();
  },
  zoom: (factor) => {
    userMoved(true);
    glide(view.zoomed(factor, view.width / 2, view.height / 2));
  },
  fit: () => fit(true),
});

control(canvas, view, {
  moved: () => userMoved(),
  zoom: (factor, x, y) => {
    userMoved();
    glide(view.zoomed(factor, x, y));
  },
  hover: (point) => {
    const d = point && chart.find(point);
    canvas.classList.toggle('hovering', Boolean(d));
    if (d !== chart.hovered) {
      chart.hovered = d;
      chart.requestDraw();
    }
  },
  click: (point) => select(chart.find(point)),
  fit: () => fit(true),
  escape: () => select(null),
});

// userMoved ends the automatic fit, and by default following: the user has moved the
// view.
function userMoved(keepFollowing = false) {
  autoFit = false;
  if (!keepFollowing) chart.following = false;
  chart.requestDraw();
}

function fit(smooth) {
  autoFit = true;
  chart.following = false;
  const b = fleet.bounds();
  if (!b) return;
  fitted = true;
  if (smooth) return glide(view.fitting(b));
  view.go(view.fitting(b));
  chart.requestDraw();
}

// glide moves the view smoothly, or at once if the user prefers reduced motion.
function glide(to) {
  view.go(to, performance.now(), !chart.reducedMotion.matches);
  chart.requestDraw();
}

// refit fits the view again if devices have left it, or have come together.
function refit() {
  const b = fleet.bounds();
  if (!autoFit || !b || view.glide) return;
  if (!fitted || !view.shows(b) || view.fitting(b).scale > TIGHTER * view.scale) fit(fitted);
}

function select(d) {
  chart.selected = d;
  chart.following = false;
  chart.trails.stale = true;
  showCard();
  view.margin = panel.margins();
  chart.requestDraw();
}

function showCard() {
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

// watch shows the event that the fragment names, or the first of the list.
function watch() {
  const named = parseFragment();
  live.setToken(named.token);
  const wanted = named.event || events?.[0]?.id;
  if (wanted === undefined || wanted === event) return;
  event = wanted;
  document.title = `${event} · Pitwall`;
  clearMap();
  if (events) panel.events(events, event);
  live.watch(event);
}

function clearMap() {
  fleet.clear();
  select(null);
  chart.hovered = null;
  fitted = false;
  autoFit = true;
  history = [];
  chart.fleetChanged();
}

// parseFragment parses #<event>, or #event=…&token=… of a share link.
function parseFragment() {
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

// fetchEvents fetches the list of events. The answer also tells the server's time.
async function fetchEvents() {
  clearTimeout(listTimer);
  const sent = Date.now();
  try {
    const answer = await fetch('events.json', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const date = Date.parse(answer.headers.get('date'));
    // The header is truncated to seconds, half a second on average.
    if (date) clockOffset = date + 500 - (sent + Date.now()) / 2;
    events = await answer.json();
    watch();
    panel.events(events, event);
  } catch (err) {
    console.warn('pitwall: list of events:', err.message);
  }
  clearTimeout(listTimer);
  listTimer = setTimeout(fetchEvents, (events?.length ? LIST_MS : EMPTY_LIST_MS) * (0.75 + Math.random() / 2));
  showMessage();
}

// showMessage says in the middle of the page why there is nothing to see, if so.
function showMessage() {
  if (connection.title) return panel.message(fleet.devices.size ? null : connection.title, connection.more);
  if (event === null) {
    if (!events) return panel.message(listTimer ? 'The server does not answer' : null, 'Trying again.');
    return panel.message('No event to show', 'If you were given a link, open it. Otherwise there is no event here yet.');
  }
  if (fleet.devices.size || fleet.snapshot || connection.name !== 'live') return panel.message(null);
  if (fleet.expected === 0) return panel.message('No devices yet', 'Nobody takes part in this event so far.');
  return panel.message('Waiting for the first position');
}

function tick() {
  counts = fleet.updateStates();
  history.push([performance.now(), fleet.updates]);
  if (history.length > RATE_TICKS + 1) history.shift();
  const [[t0, n0], [t1, n1]] = [history[0], history.at(-1)];
  perSecond = t1 > t0 ? Math.max(0, ((n1 - n0) * 1000) / (t1 - t0)) : 0;
  for (const role of ['selected', 'hovered']) {
    const d = chart[role];
    if (d && fleet.devices.get(d.id) !== d) chart[role] = null;
  }
  panel.figures(counts, fleet.expected, perSecond, fleet.lastUpdate);
  panel.countdown();
  showCard();
  showMessage();
  refit();
  if (performance.now() - labelledAt > LABEL_MS) {
    labelledAt = performance.now();
    canvas.setAttribute('aria-label', `Map of event ${event ?? ''}: ${counts.moving} moving, ${counts.stopped} stopped, ${counts.silent} without signal`);
  }
  chart.fleetChanged();
}

chart.onResize = () => {
  view.margin = panel.margins();
  if (autoFit) fit(false);
};
chart.onDrawn = () => panel.scale(scaleBar(metresPerPixel(view.worldY(view.height - view.margin.bottom), view.scale), 130));
watchTheme((theme) => chart.setTheme(theme));
addEventListener('hashchange', watch);
setInterval(tick, TICK_MS);
view.margin = panel.margins();
watch();
fetchEvents();

// For tests and for the browser's console.
window.pitwall = {
  get connection() { return connection.name; },
  get event() { return event; },
  get events() { return events; },
  get devices() { return fleet.devices.size; },
  get expected() { return fleet.expected; },
  get counts() { return fleet.updateStates(); },
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
