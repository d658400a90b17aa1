// The connection: one WebSocket, one event at a time, without end. What comes
// in goes to onFrame as it is; how the connection does goes to onState.

const FIRST_WAIT_MS = 700; // the back-off doubles from here
const LONGEST_WAIT_MS = 30_000;
const STEADY_MS = 10_000; // a connection that lived so long starts the back-off anew
const CONNECT_TIMEOUT_MS = 15_000;
const RETRY_SUBSCRIBE_MS = 5_000;

const REASONS = {
  1001: 'The server is restarting',
  1008: 'The server closed the connection',
  4401: 'The session has expired',
  4408: 'This connection was too slow',
};

// Live keeps a connection to url and a subscription to the event last watched.
//
// onState gets {name, text, until}: name is connecting, live, waiting (until,
// by performance.now(), when it tries again) or refused (the connection stands,
// the server has said no to the event).
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
    this.attempts = 0;
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
    if (!this.socket) return this.open();
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (before !== null) this.send({ type: 'unsubscribe', topic: topicOf(before) });
    this.subscribe();
  }

  // use changes the token, with which a connection begins.
  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.lost();
  }

  // now tries at once, if it is waiting to try.
  now() {
    if (!this.socket && this.event !== null) this.open();
  }

  open() {
    clearTimeout(this.timers.retry);
    this.state('connecting', this.attempts ? 'Reconnecting' : 'Connecting');
    // A browser can set no header, and a query ends up in logs.
    const socket = new WebSocket(this.url, this.token ? ['pitwall.v1', 'bearer.' + this.token] : []);
    this.socket = socket;
    this.timers.connect = setTimeout(() => this.lost(), CONNECT_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(this.timers.connect);
      this.connections++;
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
        if (frame.id !== this.pendingId) return; // of an event left meanwhile
        this.pendingId = null;
        this.state('live', 'Live');
        break;
      case 'error':
        if (frame.topic === topicOf(this.event)) this.withdrawn();
        else this.refused(frame);
        break;
    }
    // After a change of event, frames of the one before may still come.
    if (frame.topic && frame.topic !== topicOf(this.event)) return;
    this.onFrame(frame);
  }

  // withdrawn: the server has ended the subscription.
  withdrawn() {
    this.state('refused', 'Not available');
    this.timers.again = setTimeout(() => this.subscribe(), RETRY_SUBSCRIBE_MS * 6 * (1 + Math.random()));
  }

  // refused handles an error frame: only one for our subscribe means something.
  refused(frame) {
    if (frame.id === undefined || frame.id !== this.pendingId) return;
    this.pendingId = null;
    const final = frame.code === 'forbidden' || frame.code === 'unknown_topic' || frame.code === 'bad_request';
    this.state('refused', final ? 'Not available' : 'Busy');
    // What is not there or not allowed may be so later, too; no hurry.
    this.timers.again = setTimeout(() => this.subscribe(), RETRY_SUBSCRIBE_MS * (final ? 6 : 1) * (1 + Math.random()));
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
    if (this.opened && performance.now() - this.opened > STEADY_MS) this.attempts = 0;
    this.opened = 0;
    const wait = backOff(this.attempts++);
    // Being without a network is no reason not to try: the server may be here.
    const why = REASONS[code] ?? (navigator.onLine === false ? 'No network' : 'Connection lost');
    this.state('waiting', why, performance.now() + wait);
    this.timers.retry = setTimeout(() => this.open(), wait);
  }

  state(name, text, until = 0) {
    this.onState({ name, text, until });
  }
}

// backOff grows from wait to wait and is spread over half its length, so that
// many pages that lost the same server do not come back together.
function backOff(attempts) {
  const full = Math.min(FIRST_WAIT_MS * 2 ** attempts, LONGEST_WAIT_MS);
  return full * (0.5 + Math.random() / 2);
}

export function topicOf(event) {
  return 'event:' + event;
}
