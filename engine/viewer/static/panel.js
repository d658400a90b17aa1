// Everything around the canvas. Text is inserted as text, never as markup.

import { ago, facts, localTime } from './facts.js';

const $ = (id) => document.getElementById(id);
const SUGGESTIONS = 8;

export class Panel {
  // on has the actions of the user: choose(event), list(), find(text), which
  // reports whether there is such a device, suggest(text, limit), which returns
  // ids, close(), follow(), zoom(factor) and fit().
  constructor(on) {
    this.connection = { name: 'connecting', text: 'Connecting', until: 0 };
    $('event').addEventListener('change', (e) => on.choose(e.target.value));
    $('event').addEventListener('pointerdown', () => on.list());
    $('find').addEventListener('input', (e) => {
      e.target.setCustomValidity('');
      this.suggest(on.suggest(e.target.value, SUGGESTIONS));
    });
    $('find').addEventListener('change', (e) => e.target.value && on.find(e.target.value));
    $('find-form').addEventListener('submit', (e) => {
      e.preventDefault();
      const box = $('find');
      box.setCustomValidity(!box.value || on.find(box.value) ? '' : `No device on the map is called ${box.value}`);
      box.reportValidity();
    });
    $('card').addEventListener('keydown', (e) => e.key === 'Escape' && on.close());
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
    const key = JSON.stringify(options);
    if (key !== this.options) {
      this.options = key;
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
    const { until } = this.connection;
    const s = Math.ceil((until - performance.now()) / 1000);
    $('status-wait').textContent = s > 0 ? `, retry in ${s} s` : '';
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

  // card shows the details of a device, or none for null. now is the server's time.
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

function put(id, text) {
  change($(id), String(text));
}

// change changes a text only if it differs, so that the page is not laid out again.
function change(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
