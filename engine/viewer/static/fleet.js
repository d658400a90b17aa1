// The devices of the event: newest position, trail and state of each.

import { Trail } from './trail.js';
import { xOf, yOf } from './view.js';

// A device is without signal when nothing came for three of its usual
// intervals, and never sooner than this.
const SILENT_MS = 30_000;
const LONGEST_INTERVAL_MS = 20 * 60_000;
const WALKING_KMH = 1; // below this a receiver at rest cannot tell
const BREAK_MS = 10 * 60_000; // a gap so long interrupts the trail

// In the order they are drawn.
export const STATES = ['moving', 'located', 'silent', 'stopped'];

// Fleet is filled by frames. serverNow tells the server's time in ms; while we
// hear nothing it stands still, for our silence is not the devices'.
export class Fleet {
  constructor(serverNow) {
    this.serverNow = serverNow;
    this.clear();
  }

  clear() {
    this.devices = new Map();
    this.expected = 0; // devices in the event, with a position or without
    this.member = new Map(); // whether a device is in the event, as rosters said
    this.updates = 0; // positions taken from the live flow
    this.ignored = 0; // older than what is shown
    this.conflated = 0; // left out by the server, as it said
    this.meridian = null; // x of the first device: others are drawn next to it
    this.sweep = null; // ids of the subscribe snapshot while it comes
  }

  // apply takes a frame and reports whether anything on the map changed.
  apply(frame) {
    switch (frame.type) {
      case 'subscribed':
        this.expected = frame.devices;
        this.member.clear();
        this.sweep = { seen: new Set(), parts: frame.parts };
        return this.endSweep();
      case 'position':
        this.updates += this.put(frame, false);
        return true;
      case 'positions':
        for (const p of frame.positions) this.updates += this.put(p, false);
        return true;
      case 'snapshot':
        return this.snapshot(frame);
      case 'roster':
        return this.roster(frame);
    }
    return false;
  }

  snapshot(frame) {
    const corrected = frame.reason === 'corrected';
    const whole = frame.reason === 'subscribe' && this.sweep;
    for (const p of frame.positions) {
      // What a page shows from before a reconnect may have been corrected since.
      this.put(p, corrected || (whole && !this.sweep.seen.has(p.deviceId)));
    }
    this.conflated += frame.conflated ?? 0;
    if (whole) {
      this.sweep.parts--;
      this.endSweep();
    }
    return true;
  }

  // endSweep removes, once the whole snapshot is here, what was shown before a
  // reconnect and is not part of the event any more.
  endSweep() {
    if (!this.sweep || this.sweep.parts > 0) return false;
    for (const id of this.devices.keys()) if (!this.sweep.seen.has(id)) this.devices.delete(id);
    this.sweep = null;
    return true;
  }

  // roster takes who left, then who joined: a device in both lists has lost its
  // position. After a slow phase the server may tell again what it told before.
  roster(frame) {
    for (const id of frame.removed ?? []) {
      this.devices.delete(id);
      this.sweep?.seen.delete(id);
      this.count(id, false);
    }
    for (const id of frame.added ?? []) this.count(id, true);
    return true;
  }

  count(id, member) {
    if (this.member.get(id) === member) return;
    this.member.set(id, member);
    this.expected += member ? 1 : -1;
  }

  // put takes one position. An older one is left out, unless a correction says
  // that the newer one was wrong. One of the same time and place may bring more
  // attributes. It returns how many were taken.
  put(p, corrected) {
    this.sweep?.seen.add(p.deviceId);
    const d = this.devices.get(p.deviceId);
    if (d && p.ts === d.ts && p.lat === d.lat && p.lon === d.lon) {
      if (p.attributes) d.attributes = { ...d.attributes, ...p.attributes };
      return 0;
    }
    if (d && p.ts <= d.ts && !corrected) {
      if (p.ts < d.ts) this.ignored++;
      return 0;
    }
    if (d) this.move(d, p, corrected);
    else this.devices.set(p.deviceId, this.make(p));
    return 1;
  }

  make(p) {
    const d = { id: p.deviceId, interval: 0, trail: new Trail() };
    this.place(d, p);
    d.shownX = d.x;
    d.shownY = d.y;
    d.moves = p.speed === undefined ? null : p.speed >= WALKING_KMH;
    d.trail.push(d.x, d.y, d.ts);
    d.state = this.stateOf(d);
    return d;
  }

  move(d, p, corrected) {
    const before = { lat: d.lat, lon: d.lon, ts: d.ts };
    this.place(d, p);
    const dt = d.ts - before.ts;
    if (corrected) d.trail.dropSince(d.ts);
    else if (dt < LONGEST_INTERVAL_MS) d.interval = d.interval ? 0.8 * d.interval + 0.2 * dt : dt;
    if (p.speed !== undefined) d.moves = p.speed >= WALKING_KMH;
    else if (dt > 0) d.moves = metresBetween(before, d) / (dt / 1000) >= WALKING_KMH / 3.6;
    if (dt > BREAK_MS) d.trail.clear();
    d.trail.push(d.x, d.y, d.ts);
    d.state = this.stateOf(d);
  }

  place(d, p) {
    d.lat = p.lat;
    d.lon = p.lon;
    d.ts = p.ts;
    d.alt = p.alt;
    d.speed = p.speed;
    d.course = p.course === undefined ? undefined : ((p.course % 360) + 360) % 360;
    d.sats = p.sats;
    d.attributes = p.attributes;
    d.x = xOf(p.lon);
    d.y = yOf(p.lat);
    // An event at the date line is drawn in one piece.
    this.meridian ??= d.x;
    if (d.x - this.meridian > 0.5) d.x -= 1;
    else if (d.x - this.meridian < -0.5) d.x += 1;
  }

  // stateOf is moving, stopped, silent, or located while one fix without a
  // speed is all there is.
  stateOf(d, now = this.serverNow()) {
    if (now - d.ts > Math.max(SILENT_MS, 3 * d.interval)) return 'silent';
    if (d.moves === null) return 'located';
    return d.moves ? 'moving' : 'stopped';
  }

  // judge sets the state of every device and counts them.
  judge() {
    const now = this.serverNow();
    const counts = { moving: 0, stopped: 0, silent: 0, located: 0 };
    for (const d of this.devices.values()) counts[(d.state = this.stateOf(d, now))]++;
    return counts;
  }

  // lastUpdate is the time of the newest position on the map, 0 without one.
  get lastUpdate() {
    let newest = 0;
    for (const { ts } of this.devices.values()) if (ts > newest) newest = ts;
    return newest;
  }

  bounds() {
    let b = null;
    for (const { x, y } of this.devices.values()) {
      if (!b) b = { left: x, right: x, top: y, bottom: y };
      if (x < b.left) b.left = x;
      if (x > b.right) b.right = x;
      if (y < b.top) b.top = y;
      if (y > b.bottom) b.bottom = y;
    }
    return b;
  }
}

function metresBetween(a, b) {
  const rad = Math.PI / 180;
  const dx = (b.lon - a.lon) * Math.cos(((a.lat + b.lat) / 2) * rad);
  return Math.hypot(dx, b.lat - a.lat) * rad * 6_371_008.8;
}
