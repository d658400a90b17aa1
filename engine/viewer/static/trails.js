// The trails, on a layer of their own: drawing thousands of lines takes longer
// than a frame may, so it is done as often as it can be afforded and the layer
// is moved with the map in between.

import { TRAIL_MS } from './trail.js';

const LEVELS = [0.07, 0.15, 0.26, 0.4, 0.6]; // opacity by age, oldest first
const SHARE = 5; // at most one part in so many of the time goes into trails
const LEAST_MS = 80;
const FRAME_MS = 17;
const MANY = 1000; // devices; from here on trails are drawn coarser
const PATH = 1000; // lines in one path: one of everything takes longer than its parts

export class Trails {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.ctx = this.canvas.getContext('2d');
    this.drawn = null; // the view and theme it was drawn for
    this.cost = 0; // ms, what drawing it costs us and the browser behind us
    this.stale = true; // there is something newer than what it shows
    this.probe = 0; // when it was drawn, until the next frame tells the cost
  }

  // draw puts the layer onto ctx, brought up to date if it is time. It returns
  // in how many ms another frame is wanted, Infinity for not at all.
  draw(ctx, view, theme, fleet, at, ratio, selected) {
    this.weigh(at);
    const moved = !this.drawn || this.drawn.x !== view.x || this.drawn.y !== view.y || this.drawn.scale !== view.scale;
    const other = !this.drawn || this.drawn.theme !== theme || this.canvas.width !== ctx.canvas.width || this.canvas.height !== ctx.canvas.height;
    const wait = Math.max(this.cost * SHARE, moved ? 0 : LEAST_MS) - (at - (this.drawn?.at ?? -Infinity));
    const wanted = this.stale || moved;
    const due = other || (wanted && wait <= 0);
    if (due) this.render(ctx.canvas, view, theme, fleet, at, ratio, selected);
    const d = this.drawn;
    const k = view.scale / d.scale;
    ctx.drawImage(this.canvas, view.px(d.left), view.py(d.top), view.width * k, view.height * k);
    if (due) return 0; // which tells what this one cost
    return wanted ? wait : Infinity;
  }

  // weigh learns from the frame after a drawing how long the browser was busy
  // with it: most of the work is done after our part has returned.
  weigh(at) {
    if (!this.probe) return;
    const took = Math.max(at - this.probe - FRAME_MS, 0);
    this.probe = 0;
    this.cost = 0.6 * this.cost + 0.4 * Math.min(took, 1000);
  }

  render(size, view, theme, fleet, at, ratio, selected) {
    this.canvas.width = size.width; // clears it, too
    this.canvas.height = size.height;
    const ctx = this.ctx;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.lineJoin = 'round';
    const now = fleet.serverNow();
    const many = fleet.devices.size > MANY;
    const coarse = many ? 16 : 2.5; // pixels
    ctx.strokeStyle = theme.moving;
    ctx.lineWidth = many ? 1.25 : 2;
    for (let level = 0; level < LEVELS.length; level++) {
      ctx.globalAlpha = LEVELS[level];
      let n = 0;
      ctx.beginPath();
      for (const d of fleet.devices.values()) {
        if (d !== selected) n += lines(ctx, view, d.trail, now, level, coarse);
        if (n > PATH) {
          ctx.stroke();
          ctx.beginPath();
          n = 0;
        }
      }
      ctx.stroke();
    }
    if (selected) this.highlight(view, theme, selected, now);
    ctx.globalAlpha = 1;
    this.drawn = { x: view.x, y: view.y, scale: view.scale, left: view.worldX(0), top: view.worldY(0), theme, at };
    this.stale = false;
    this.probe = at;
  }

  highlight(view, theme, d, now) {
    const ctx = this.ctx;
    ctx.strokeStyle = theme.select;
    ctx.lineWidth = 3;
    for (let level = 0; level < LEVELS.length; level++) {
      ctx.globalAlpha = 0.3 + LEVELS[level];
      ctx.beginPath();
      lines(ctx, view, d.trail, now, level, 1);
      ctx.stroke();
    }
  }
}

// lines adds the parts of one trail that are of one level's age, none shorter
// than coarse pixels but the last, and returns how many.
function lines(ctx, view, trail, now, level, coarse) {
  const slice = TRAIL_MS / LEVELS.length;
  const until = level === LEVELS.length - 1 ? Infinity : now - (LEVELS.length - 1 - level) * slice;
  const from = now - (LEVELS.length - level) * slice;
  const { points } = trail;
  const last = trail.length - 1;
  let n = 0;
  let x0 = 0;
  let y0 = 0;
  let pen = false; // down at (x0, y0)
  let begun = false;
  for (let i = 0; i <= last; i++) {
    const p = trail.index(i);
    const t = points[p + 2];
    if (t <= from) continue;
    const x = view.px(points[p]);
    const y = view.py(points[p + 1]);
    if (!begun) {
      // The line that leads here begins at the point before, of the next age.
      begun = true;
      const b = trail.index(Math.max(i - 1, 0));
      x0 = view.px(points[b]);
      y0 = view.py(points[b + 1]);
    }
    const end = t > until || i === last;
    if (!end && Math.abs(x - x0) + Math.abs(y - y0) < coarse) continue;
    if (Math.max(x0, x) > 0 && Math.min(x0, x) < view.width && Math.max(y0, y) > 0 && Math.min(y0, y) < view.height) {
      if (!pen) ctx.moveTo(x0, y0);
      ctx.lineTo(x, y);
      pen = true;
      n++;
    } else pen = false;
    x0 = x;
    y0 = y;
    if (t > until) break;
  }
  return n;
}
