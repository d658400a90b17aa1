// The connection: one WebSocket, which watches one event at a time and reconnects
// by itself. It passes the server's frames to onFrame, and its own state to
// onState.

const FIRST_WAIT_MS = 700; // the back-off doubles from here
const LONGEST_WAIT_MS = 30_000;
const BUSY_WAIT_MS = 4_000; // the same, if the server has said that it is busy
const LONGEST_BUSY_WAIT_MS = 60_000;
const FORBIDDEN_WAIT_MS = 60_000; // access may be granted later, but that is rare
const STEADY_MS = 10_000; // a connection that lasts so long resets the back-off
const CONNECT_TIMEOUT_MS = 15_000;
const PROBE_TIMEOUT_MS = 5_000;

// The characters of a subprotocol (RFC 9110, token): for others, new WebSocket
// throws.
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]*$/;

const SESSION_EXPIRED = 4401;

const REASONS = {
  1001: 'The server is restarting',
  1008: 'The server closed the connection',
  [SESSION_EXPIRED]: 'The session has expired',
  4408: 'This connection was too slow',
};

// The states in which there is nothing to see.
const AGAIN = 'This page tries again by itself.';
const FORBIDDEN = { name: 'refused', text: 'Not available', title: 'This event is not available', more: 'It does not exist, or you may not watch it.' };
const WITHDRAWN = { name: 'refused', text: 'Access withdrawn', title: 'Access to this event was withdrawn', more: 'You may not watch it any more.' };
const UNDECIDED = { name: 'refused', text: 'Access unclear', title: 'Nobody can say whether you may watch', more: AGAIN };
const EXPIRED = { name: 'refused', text: 'Access has ended', title: 'Your access has ended', more: 'Ask for a new link, or sign in again.' };
const BAD_LINK = { name: 'refused', text: 'Link not valid', title: 'This link is not valid', more: 'A part of it may be missing. Ask for a new one.' };
const BUSY = { name: 'busy', text: 'Busy', title: 'The server is busy', more: AGAIN };
const FULL = { name: 'busy', text: 'Full', title: 'The server is full right now', more: AGAIN };
const NOT_READY = { name: 'busy', text: 'Not ready', title: 'The server is not ready', more: AGAIN };
const UNAUTHORIZED = { name: 'busy', text: 'Not let in', title: 'The server has not let this page in', more: 'It wants a link or a sign-in that is valid. ' + AGAIN };
const REFUSED = { ...UNAUTHORIZED, more: AGAIN };

// Live keeps a connection to url, and a subscription to the event last watched.
//
// onState gets {name, text, title, more, until}. name is connecting, live,
// waiting (nobody answers), busy (the server has no room or no time) or refused
// (the event may not be watched). text is for the status line. title and more
// explain it, if there is more to say. until is the time of the next attempt, as
// of performance.now(), 0 for none.
export class Live {
  constructor(url, { onState, onFrame }) {
    this.url = url;
    this.onState = onState;
    this.onFrame = onFrame;
    this.socket = null;
    this.event = null;
    this.token = ''; // of a share link, or of the platform that links here
    this.lastRequestId = 0;
    this.pendingId = null; // of the subscribe that is not answered yet
    this.attempts = 0; // to connect, since a connection was steady
    this.refusals = 0; // of subscribes, since one succeeded
    this.expired = false; // the server has ended the session
    this.lastState = {};
    this.connections = 0; // opened so far
    this.openedAt = 0; // 0 while the connection is not open
    this.heartbeatMs = 25_000;
    this.heardAt = 0; // when something last came
    this.returnMs = 0; // how long a server that goes away asks to wait
    this.timers = { reconnect: 0, connect: 0, heartbeat: 0, subscribe: 0 };
    addEventListener('online', () => this.connectNow());
    addEventListener('pageshow', (e) => e.persisted && this.connectNow());
    document.addEventListener('visibilitychange', () => this.visibilityChanged());
  }

  // watch changes to another event, and connects if necessary.
  watch(event) {
    if (event === this.event) return;
    const before = this.event;
    this.event = event;
    this.refusals = 0;
    this.lastState = {};
    if (!this.socket) return this.open();
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (before !== null) this.send({ type: 'unsubscribe', topic: topicOf(before) });
    this.subscribe();
  }

  // setToken changes the token. It reconnects, since a token is only sent when a
  // connection is opened.
  setToken(token) {
    if (token === this.token) return;
    this.token = token;
    this.disconnected();
    this.attempts = 0;
    this.expired = false;
    this.connectNow();
  }

  // connectNow connects without waiting any longer, unless there is a connection.
  connectNow() {
    if (!this.socket && this.event !== null) this.open();
  }

  open() {
    clearTimeout(this.timers.reconnect);
    if (!SUBPROTOCOL.test(this.token)) return this.setState(BAD_LINK);
    this.setState({ name: 'connecting', text: this.attempts ? 'Reconnecting' : 'Connecting' });
    // Browsers cannot set headers here, and a query would end up in logs.
    const socket = new WebSocket(this.url, this.token ? ['pitwall.v1', 'bearer.' + this.token] : []);
    this.socket = socket;
    this.timers.connect = setTimeout(() => this.disconnected(), CONNECT_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(this.timers.connect);
      this.connections++;
      this.expired = false;
      this.openedAt = this.heardAt = performance.now();
      this.startHeartbeat();
      this.subscribe();
    };
    socket.onmessage = (e) => this.receive(e.data);
    socket.onclose = (e) => this.disconnected(e.code);
  }

  receive(data) {
    this.heardAt = performance.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return console.error('pitwall: a frame is not JSON:', data.slice(0, 200));
    }
    switch (frame.type) {
      case 'welcome':
        this.heartbeatMs = Math.min(Math.max(frame.heartbeatMs || 25_000, 1000), 120_000);
        this.startHeartbeat();
        break;
      case 'drain':
        this.returnMs = Math.min(frame.retryAfterMs || 0, LONGEST_BUSY_WAIT_MS);
        break;
      case 'subscribed':
        if (frame.id === undefined) break; // the server starts the topic again, after a lag
        if (frame.id !== this.pendingId) return; // to an event that is no longer watched
        this.pendingId = null;
        this.refusals = 0;
        this.setState({ name: 'live', text: 'Live' });
        break;
      case 'error':
        this.receiveError(frame);
        break;
    }
    // Frames of the previous event may still come.
    if (frame.topic && frame.topic !== topicOf(this.event)) return;
    this.onFrame(frame);
  }

  // receiveError handles an error frame. Without an id it ends the subscription to
  // its topic. Those with an id matter only if they answer the pending subscribe.
  receiveError({ id, topic, code }) {
    const withdrawn = id === undefined && topic === topicOf(this.event);
    if (!withdrawn && (id === undefined || id !== this.pendingId)) return;
    this.pendingId = null;
    const busy = code === 'rate_limited' || code === 'too_many_subscriptions' || code === 'internal';
    const wait = busy ? backOff(this.refusals++, BUSY_WAIT_MS, LONGEST_BUSY_WAIT_MS) : backOff(0, FORBIDDEN_WAIT_MS, FORBIDDEN_WAIT_MS);
    let state = busy ? BUSY : FORBIDDEN;
    if (withdrawn) state = busy ? UNDECIDED : WITHDRAWN;
    else if (!busy && this.lastState.text === WITHDRAWN.text) state = WITHDRAWN; // still
    this.setState({ ...state, until: performance.now() + wait });
    this.timers.subscribe = setTimeout(() => this.subscribe(), wait);
  }

  subscribe() {
    clearTimeout(this.timers.subscribe);
    if (this.socket?.readyState !== WebSocket.OPEN || this.event === null) return;
    this.pendingId = this.send({ type: 'subscribe', topic: topicOf(this.event) });
  }

  send(request) {
    const id = String(++this.lastRequestId);
    this.socket.send(JSON.stringify({ ...request, id }));
    return id;
  }

  startHeartbeat() {
    clearInterval(this.timers.heartbeat);
    this.timers.heartbeat = setInterval(() => this.heartbeat(), this.heartbeatMs);
  }

  // heartbeat sends a ping. If nothing came for two and a half heartbeats, the
  // connection is dead, even if the browser has not noticed.
  heartbeat() {
    if (performance.now() - this.heardAt > 2.5 * this.heartbeatMs) return this.disconnected();
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ type: 'ping' });
  }

  // visibilityChanged checks the connection when the page becomes visible: browsers
  // slow down the timers of hidden pages.
  visibilityChanged() {
    if (document.visibilityState !== 'visible') return;
    if (this.socket) this.heartbeat();
    else this.connectNow();
  }

  // disconnected ends the connection, if there is one, and schedules the next. code
  // is the server's close code, if there is one.
  disconnected(code) {
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    this.pendingId = null;
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    const { openedAt } = this;
    if (openedAt && performance.now() - openedAt > STEADY_MS) this.attempts = 0;
    this.openedAt = 0;
    this.expired ||= code === SESSION_EXPIRED;
    // It also tries again without a network: the server may be on this machine.
    const text = REASONS[code] ?? (navigator.onLine === false ? 'No network' : 'Connection lost');
    const wait = Math.max(this.returnMs, backOff(this.attempts++, FIRST_WAIT_MS, LONGEST_WAIT_MS));
    this.returnMs = 0;
    this.reconnectIn(wait, { name: 'waiting', text });
    if (!openedAt) this.probe();
  }

  reconnectIn(wait, state) {
    this.setState({ ...state, until: performance.now() + wait });
    clearTimeout(this.timers.reconnect);
    this.timers.reconnect = setTimeout(() => this.open(), wait);
  }

  // probe finds out why a handshake failed, since browsers do not say: the server
  // answers a plain request to the same address as it would answer a handshake.
  async probe() {
    const attempt = this.attempts;
    const headers = this.token ? { authorization: 'Bearer ' + this.token } : {};
    let answer;
    try {
      answer = await fetch(this.url.href.replace(/^ws/, 'http'), { headers, cache: 'no-store', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    } catch {
      return; // nobody answers
    }
    if (this.socket || this.attempts !== attempt) return; // the next attempt has begun
    let state = REFUSED;
    if (answer.status === 401) state = UNAUTHORIZED;
    if (this.expired) state = EXPIRED;
    if (answer.status === 429) state = FULL;
    else if (answer.status >= 500) state = NOT_READY;
    const retryAfter = Number(answer.headers.get('retry-after')) * 1000 || 0;
    this.reconnectIn(Math.min(retryAfter, LONGEST_BUSY_WAIT_MS) + backOff(attempt - 1, BUSY_WAIT_MS, LONGEST_BUSY_WAIT_MS), state);
  }

  setState(state) {
    this.lastState = state;
    this.onState({ until: 0, ...state });
  }
}

// backOff doubles from first to longest with each attempt. Half of it is random, so
// that pages that lost the same server do not come back at the same moment.
function backOff(attempts, first, longest) {
  const full = Math.min(first * 2 ** attempts, longest);
  return full * (0.5 + Math.random() / 2);
}

export function topicOf(event) {
  return 'event:' + event;
}
