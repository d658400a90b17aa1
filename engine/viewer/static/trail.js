// Where a device was in the last minutes: a ring buffer of points.

export const TRAIL_MS = 150_000;
const POINTS = 64;
const SPACING_MS = 2_500; // points are at least so far apart

export class Trail {
  constructor() {
    this.clear();
  }

  clear() {
    this.points = new Float64Array(POINTS * 3); // x, y, time
    this.first = 0;
    this.length = 0;
  }

  // push adds the newest point. It replaces the last one if that came too soon after
  // the one before, so that the points last for the whole trail.
  push(x, y, t) {
    if (this.length > 1 && t - this.at(this.length - 2) < SPACING_MS) this.length--;
    else if (this.length === POINTS) {
      this.first = (this.first + 1) % POINTS;
      this.length--;
    }
    const i = this.index(this.length++);
    this.points[i] = x;
    this.points[i + 1] = y;
    this.points[i + 2] = t;
  }

  // dropSince removes the points at t and after it.
  dropSince(t) {
    while (this.length && this.at(this.length - 1) >= t) this.length--;
  }

  index(n) {
    return ((this.first + n) % POINTS) * 3;
  }

  // at is the time of the nth point; the oldest is 0.
  at(n) {
    return this.points[this.index(n) + 2];
  }
}
