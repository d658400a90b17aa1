// The devices of the event, each with its newest position, trail and state.

import { Trail } from './trail.js';
import { xOf, yOf } from './view.js';

// A device has no signal if nothing came for three of its usual intervals, but
// at least for this time.
const SILENT_MS = 30_000;
const LONGEST_INTERVAL_MS = 20 * 60_000; // a longer gap is not counted as an interval
const MOVING_KMH = 1; // a receiver at rest may report less than this
const BREAK_MS = 10 * 60_000; // a gap so long interrupts the trail

// In drawing order.
export const STATES = ['moving', 'located', 'silent', 'stopped'];

// Fleet is filled by the server's frames. serverNow returns the server's time in ms.
// It must stand still while there is no connection: otherwise devices would seem to
// have no signal.
export class Fleet {
  constructor(serverNow) {
    this.serverNow = serverNow;
    this.clear();
  }

  clear() {
    this.devices = new Map();
    this.expected = 0; // devices in the event, with or without a position
    this.members = new Map(); // whether a device is in the event, by the last roster with it
    this.updates = 0; // live positions that were applied
    this.ignored = 0; // positions older than the shown one
    this.conflated = 0; // updates that the server has left out
    this.meridian = null; // x of the first device: others are drawn next to it
    this.snapshot = null; // {seen: ids, parts: still to come} until a whole snapshot is complete
  }

  // apply applies a frame and reports whether anything on the map changed.
  apply(frame) {
    switch (frame.type) {
      case 'subscribed':
        this.expected = frame.devices;
        this.members.clear();
        this.snapshot = { seen: new Set(), parts: frame.parts };
        return this.endSnapshot();
      case 'position':
        this.updates += this.put(frame, false);
        return true;
      case 'positions':
        for (const p of frame.positions) this.updates += this.put(p, false);
        return true;
      case 'snapshot':
        return this.applySnapshot(frame);
      case 'roster':
        return this.applyRoster(frame);
    }
    return false;
  }

  applySnapshot(frame) {
    const corrected = frame.reason === 'corrected';
    const whole = frame.reason === 'subscribe' && this.snapshot;
    for (const p of frame.positions) {
      // A position from before a reconnect may have been corrected since.
      this.put(p, corrected || (whole && !this.snapshot.seen.has(p.deviceId)));
    }
    this.conflated += frame.conflated ?? 0;
    if (whole) {
      this.snapshot.parts--;
      this.endSnapshot();
    }
    return true;
  }

  // endSnapshot ends a whole snapshot if it is complete. It removes devices from
  // before a reconnect that are not in the event any more.
  endSnapshot() {
    if (!this.snapshot || this.snapshot.parts > 0) return false;
    for (const id of this.devices.keys()) if (!this.snapshot.seen.has(id)) this.devices.delete(id);
    this.snapshot = null;
    return true;
  }

  // applyRoster removes devices before it adds others: a device in both lists has
  // lost its position. After a lag the server may repeat changes.
  applyRoster(frame) {
    for (const id of frame.removed ?? []) {
      this.devices.delete(id);
      this.snapshot?.seen.delete(id);
      this.setMember(id, false);
    }
    for (const id of frame.added ?? []) this.setMember(id, true);
    return true;
  }

  setMember(id, member) {
    if (this.members.get(id) === member) return;
    this.members.set(id, member);
    this.expected += member ? 1 : -1;
  }

  // put applies one position, and returns 1, or 0 if it ignored it. It ignores older
  // positions, unless a correction says that the newer one was wrong. One of the
  // same time and place may add attributes.
  put(p, corrected) {
    this.snapshot?.seen.add(p.deviceId);
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
    else this.devices.set(p.deviceId, this.newDevice(p));
    return 1;
  }

  newDevice(p) {
    const d = { id: p.deviceId, interval: 0, trail: new Trail() }; // interval: the usual one, ms
    this.setPosition(d, p);
    d.shownX = d.x;
    d.shownY = d.y;
    d.moves = p.speed === undefined ? null : p.speed >= MOVING_KMH;
    d.trail.push(d.x, d.y, d.ts);
    d.state = this.stateOf(d);
    return d;
  }

  move(d, p, corrected) {
    const before = { lat: d.lat, lon: d.lon, ts: d.ts };
    this.setPosition(d, p);
    const dt = d.ts - before.ts;
    if (corrected) d.trail.dropSince(d.ts);
    else if (dt < LONGEST_INTERVAL_MS) d.interval = d.interval ? 0.8 * d.interval + 0.2 * dt : dt;
    if (p.speed !== undefined) d.moves = p.speed >= MOVING_KMH;
    else if (dt > 0) d.moves = metresBetween(before, d) / (dt / 1000) >= MOVING_KMH / 3.6;
    if (dt > BREAK_MS) d.trail.clear();
    d.trail.push(d.x, d.y, d.ts);
    d.state = this.stateOf(d);
  }

  setPosition(d, p) {
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
    // An event across the date line is drawn in one piece.
    this.meridian ??= d.x;
    if (d.x - this.meridian > 0.5) d.x -= 1;
    else if (d.x - this.meridian < -0.5) d.x += 1;
  }

  // stateOf is moving, stopped, silent, or located: one position without a speed is
  // all that is known.
  stateOf(d, now = this.serverNow()) {
    if (now - d.ts > Math.max(SILENT_MS, 3 * d.interval)) return 'silent';
    if (d.moves === null) return 'located';
    return d.moves ? 'moving' : 'stopped';
  }

  // updateStates sets the state of every device, and returns how many are in each.
  updateStates() {
    const now = this.serverNow();
    const counts = { moving: 0, stopped: 0, silent: 0, located: 0 };
    for (const d of this.devices.values()) counts[(d.state = this.stateOf(d, now))]++;
    return counts;
  }

  // lastUpdate is the time of the newest position on the map, 0 for none.
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
