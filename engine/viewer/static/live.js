// The connection: one WebSocket, one event at a time, without end. What comes
// in goes to onFrame as it is; how the connection does goes to onState.

const FIRST_WAIT_MS = 700; // the back-off doubles from here
const LONGEST_WAIT_MS = 30_000;
const BUSY_WAIT_MS = 4_000; // the same, where the server has said that it is busy
const LONGEST_BUSY_WAIT_MS = 60_000;
const FORBIDDEN_WAIT_MS = 60_000; // what may not be watched may be later; no hurry
const STEADY_MS = 10_000; // a connection that lived so long starts the back-off anew
const CONNECT_TIMEOUT_MS = 15_000;
const ASK_TIMEOUT_MS = 5_000;

// What a subprotocol may be made of (RFC 9110, token): new WebSocket throws for
// anything else.
const SENDABLE = /^[\w!#$%&'*+.^`|~-]*$/;

const SESSION_EXPIRED = 4401;

const REASONS = {
  1001: 'The server is restarting',
  1008: 'The server closed the connection',
  [SESSION_EXPIRED]: 'The session has expired',
  4408: 'This connection was too slow',
};

// Why there is nothing to see, and what becomes of it.
const AGAIN = 'This page tries again by itself.';
const FORBIDDEN = { name: 'refused', text: 'Not available', title: 'This event is not available', more: 'It does not exist, or you may not watch it.' };
const WITHDRAWN = { name: 'refused', text: 'Access withdrawn', title: 'Access to this event was withdrawn', more: 'You may not watch it any more.' };
const UNDECIDED = { name: 'refused', text: 'Access unclear', title: 'Nobody can say whether you may watch', more: AGAIN };
const ENDED = { name: 'refused', text: 'Access has ended', title: 'Your access has ended', more: 'Ask for a new link, or sign in again.' };
const BROKEN = { name: 'refused', text: 'Link not valid', title: 'This link is not valid', more: 'A part of it may be missing. Ask for a new one.' };
const BUSY = { name: 'busy', text: 'Busy', title: 'The server is busy', more: AGAIN };
const FULL = { name: 'busy', text: 'Full', title: 'The server is full right now', more: AGAIN };
const UNREADY = { name: 'busy', text: 'Not ready', title: 'The server is not ready', more: AGAIN };
const UNINVITED = { name: 'busy', text: 'Not let in', title: 'The server has not let this page in', more: 'It wants a link or a sign-in that is valid. ' + AGAIN };
const NOT_LET_IN = { ...UNINVITED, more: AGAIN };

// Live keeps a connection to url and a subscription to the event last watched.
//
// onState gets {name, text, title, more, until}. name is connecting, live,
// waiting (nobody answers), busy (the server has no room or no time) or refused
// (the event may not be watched). title and more say why, where there is more
// to say than text; until is when it tries again, by performance.now().
export class Live {
  constructor(url, { onState, onFrame }) {
    this.url = url;
    this.onState = onState;
    this.onFrame = onFrame;
    this.socket = null;
    this.event = null;
    this.token = ''; // of a share link, or of the platform that links here
    this.requests = 0; // ids given to requests so far
    this.pendingId = null; // of the subscribe not yet answered
    this.attempts = 0; // to connect, since one has lasted
    this.subscribes = 0; // refused, since one was answered
    this.expired = false; // the server has ended the session
    this.told = {}; // the last state
    this.connections = 0;
    this.opened = 0;
    this.heartbeatMs = 25_000;
    this.heard = 0;
    this.timers = { retry: 0, connect: 0, beat: 0, again: 0 };
    addEventListener('online', () => this.now());
    addEventListener('pageshow', (e) => e.persisted && this.now());
    document.addEventListener('visibilitychange', () => this.looked());
  }

  // watch changes to another event, and connects if need be.
  watch(event) {
    if (event === this.event) return;
    const before = this.event;
    this.event = event;
    this.subscribes = 0;
    this.told = {};
    if (!this.socket) return this.open();
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (before !== null) this.send({ type: 'unsubscribe', topic: topicOf(before) });
    this.subscribe();
  }

  // use changes the token, with which a connection begins: a new one begins at
  // once.
  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.lost();
    this.attempts = 0;
    this.expired = false;
    this.now();
  }

  // now tries at once, if it is waiting to try.
  now() {
    if (!this.socket && this.event !== null) this.open();
  }

  open() {
    clearTimeout(this.timers.retry);
    if (!SENDABLE.test(this.token)) return this.state(BROKEN);
    this.state({ name: 'connecting', text: this.attempts ? 'Reconnecting' : 'Connecting' });
    // A browser can set no header, and a query ends up in logs.
    const socket = new WebSocket(this.url, this.token ? ['pitwall.v1', 'bearer.' + this.token] : []);
    this.socket = socket;
    this.timers.connect = setTimeout(() => this.lost(), CONNECT_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(this.timers.connect);
      this.connections++;
      this.expired = false;
      this.opened = this.heard = performance.now();
      this.timers.beat = setInterval(() => this.beat(), this.heartbeatMs);
      this.subscribe();
    };
    socket.onmessage = (e) => this.receive(e.data);
    socket.onclose = (e) => this.lost(e.code);
  }

  receive(data) {
    this.heard = performance.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return console.error('pitwall: a frame that is no JSON', data.slice(0, 200));
    }
    switch (frame.type) {
      case 'welcome':
        this.heartbeatMs = Math.min(Math.max(frame.heartbeatMs || 25_000, 1000), 120_000);
        clearInterval(this.timers.beat);
        this.timers.beat = setInterval(() => this.beat(), this.heartbeatMs);
        break;
      case 'subscribed':
        if (frame.id === undefined) break; // the server begins again: see README
        if (frame.id !== this.pendingId) return; // of an event left meanwhile
        this.pendingId = null;
        this.subscribes = 0;
        this.state({ name: 'live', text: 'Live' });
        break;
      case 'error':
        this.refused(frame);
        break;
    }
    // After a change of event, frames of the one before may still come.
    if (frame.topic && frame.topic !== topicOf(this.event)) return;
    this.onFrame(frame);
  }

  // refused handles an error frame. One without an id ends the subscription to
  // its topic; of those with one only the answer to our subscribe means anything.
  refused({ id, topic, code }) {
    const withdrawn = id === undefined && topic === topicOf(this.event);
    if (!withdrawn && (id === undefined || id !== this.pendingId)) return;
    this.pendingId = null;
    const busy = code === 'rate_limited' || code === 'too_many_subscriptions' || code === 'internal';
    const wait = busy ? backOff(this.subscribes++, BUSY_WAIT_MS, LONGEST_BUSY_WAIT_MS) : backOff(0, FORBIDDEN_WAIT_MS, FORBIDDEN_WAIT_MS);
    let why = busy ? BUSY : FORBIDDEN;
    if (withdrawn) why = busy ? UNDECIDED : WITHDRAWN;
    else if (!busy && this.told.text === WITHDRAWN.text) why = WITHDRAWN; // still
    this.state({ ...why, until: performance.now() + wait });
    this.timers.again = setTimeout(() => this.subscribe(), wait);
  }

  subscribe() {
    clearTimeout(this.timers.again);
    if (this.socket?.readyState !== WebSocket.OPEN || this.event === null) return;
    this.pendingId = this.send({ type: 'subscribe', topic: topicOf(this.event) });
  }

  send(request) {
    const id = String(++this.requests);
    this.socket.send(JSON.stringify({ ...request, id }));
    return id;
  }

  // beat asks for a sign of life; without one for two and a half heartbeats
  // the connection is dead, whatever the browser thinks.
  beat() {
    if (performance.now() - this.heard > 2.5 * this.heartbeatMs) return this.lost();
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ type: 'ping' });
  }

  // looked is called when the page comes to the front: timers may have slept.
  looked() {
    if (document.visibilityState !== 'visible') return;
    if (this.socket) this.beat();
    else this.now();
  }

  // lost ends the connection, if there is one, and plans the next. code is the
  // server's, if it closed.
  lost(code) {
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    this.pendingId = null;
    for (const t of Object.values(this.timers)) clearTimeout(t);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    const { opened } = this;
    if (opened && performance.now() - opened > STEADY_MS) this.attempts = 0;
    this.opened = 0;
    this.expired ||= code === SESSION_EXPIRED;
    // Being without a network is no reason not to try: the server may be here.
    const why = REASONS[code] ?? (navigator.onLine === false ? 'No network' : 'Connection lost');
    this.retry({ name: 'waiting', text: why }, backOff(this.attempts++, FIRST_WAIT_MS, LONGEST_WAIT_MS));
    if (!opened) this.inquire();
  }

  retry(state, wait) {
    this.state({ ...state, until: performance.now() + wait });
    clearTimeout(this.timers.retry);
    this.timers.retry = setTimeout(() => this.open(), wait);
  }

  // inquire finds out why a handshake failed, which browsers keep to
  // themselves, by a plain request to the same address, which is answered as a
  // handshake would be.
  async inquire() {
    const attempt = this.attempts;
    const headers = this.token ? { authorization: 'Bearer ' + this.token } : {};
    let answer;
    try {
      answer = await fetch(this.url.href.replace(/^ws/, 'http'), { headers, cache: 'no-store', signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    } catch {
      return; // nobody is there
    }
    if (this.socket || this.attempts !== attempt) return; // it goes on already
    let why = NOT_LET_IN;
    if (answer.status === 401) why = UNINVITED;
    if (this.expired) why = ENDED;
    if (answer.status === 429) why = FULL;
    else if (answer.status >= 500) why = UNREADY;
    const least = Number(answer.headers.get('retry-after')) * 1000 || 0;
    this.retry(why, Math.min(least, LONGEST_BUSY_WAIT_MS) + backOff(attempt - 1, BUSY_WAIT_MS, LONGEST_BUSY_WAIT_MS));
  }

  state(state) {
    this.told = state;
    this.onState({ until: 0, ...state });
  }
}

// backOff grows from first to longest and is spread over half its length, so
// that many pages that lost the same server do not come back together.
function backOff(attempts, first, longest) {
  const full = Math.min(first * 2 ** attempts, longest);
  return full * (0.5 + Math.random() / 2);
}

export function topicOf(event) {
  return 'event:' + event;
}
