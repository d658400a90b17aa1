// The projection (Web Mercator, in which the world is 1 by 1), and the part of the world
// that the screen shows.

const EARTH_M = 40_075_016.686; // around the equator
const LAT_LIMIT = 85.0511;
const MAX_SCALE = EARTH_M / 0.05; // 5 cm per pixel at the equator
const GLIDE_MS = 350;

export function xOf(lon) {
  return lon / 360 + 0.5;
}

export function yOf(lat) {
  const a = (Math.min(Math.max(lat, -LAT_LIMIT), LAT_LIMIT) * Math.PI) / 180;
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + a / 2)) / (2 * Math.PI);
}

export function lonOf(x) {
  return (x - 0.5) * 360;
}

export function latOf(y) {
  return (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
}

// metresPerPixel at y, for a scale in pixels per world.
export function metresPerPixel(y, scale) {
  return (EARTH_M * Math.cos((latOf(y) * Math.PI) / 180)) / scale;
}

// View is the visible part of the world: its centre (x, y), the scale in CSS pixels per
// world, and the size in CSS pixels.
export class View {
  constructor() {
    this.x = 0.5;
    this.y = 0.5;
    this.scale = 400;
    this.width = this.height = 1;
    this.glide = null;
    // The strips that panels cover at the edges.
    this.margin = { top: 0, right: 0, bottom: 0, left: 0 };
  }

  px(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  py(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  worldX(px) {
    return this.x + (px - this.width / 2) / this.scale;
  }

  worldY(py) {
    return this.y + (py - this.height / 2) / this.scale;
  }

  pan(dx, dy) {
    this.glide = null;
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  // zoom zooms in by factor. The point at (px, py) stays where it is.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    this.glide = null;
    Object.assign(this, this.zoomed(factor, px, py));
  }

  zoomed(factor, px, py) {
    const scale = Math.min(Math.max(this.scale * factor, Math.min(this.width, this.height) / 2), MAX_SCALE);
    return {
      scale,
      x: this.worldX(px) - (px - this.width / 2) / scale,
      y: this.worldY(py) - (py - this.height / 2) / scale,
    };
  }

  // fitting is the view that shows bounds between the margins, with some space around.
  fitting(b) {
    const m = this.margin;
    const w = Math.max(this.width - m.left - m.right, 80);
    const h = Math.max(this.height - m.top - m.bottom, 80);
    const least = 400 / metresPerPixel((b.top + b.bottom) / 2, 1); // at least 400 m across
    const scale = Math.min(w / Math.max((b.right - b.left) * 1.12, least), h / Math.max((b.bottom - b.top) * 1.12, least), MAX_SCALE);
    return this.centred((b.left + b.right) / 2, (b.top + b.bottom) / 2, scale);
  }

  // centred is the view that has (x, y) in the middle between the margins.
  centred(x, y, scale) {
    const m = this.margin;
    return { scale, x: x + (m.right - m.left) / 2 / scale, y: y + (m.bottom - m.top) / 2 / scale };
  }

  // shows says whether bounds lie between the margins.
  shows(b) {
    const m = this.margin;
    return this.px(b.left) >= m.left && this.px(b.right) <= this.width - m.right && this.py(b.top) >= m.top && this.py(b.bottom) <= this.height - m.bottom;
  }

  // go moves to {x, y, scale}, at once or in a glide that starts at the time at.
  go(to, at = 0, glide = false) {
    if (!glide) {
      this.glide = null;
      Object.assign(this, to);
    } else {
      this.glide = { from: { x: this.x, y: this.y, scale: this.scale }, to, start: at };
    }
  }

  // step advances a glide to the time at, and reports whether it goes on.
  step(at) {
    const g = this.glide;
    if (!g) return false;
    const t = Math.min((at - g.start) / GLIDE_MS, 1);
    const e = 1 - (1 - t) ** 3;
    this.scale = g.from.scale * (g.to.scale / g.from.scale) ** e;
    // The centre moves so that the glide looks straight while the scale grows.
    const k = g.to.scale === g.from.scale ? e : (1 / this.scale - 1 / g.from.scale) / (1 / g.to.scale - 1 / g.from.scale);
    this.x = g.from.x + (g.to.x - g.from.x) * k;
    this.y = g.from.y + (g.to.y - g.from.y) * k;
    if (t >= 1) this.glide = null;
    return t < 1;
  }
}
