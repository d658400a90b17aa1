// The trails, on a layer of their own. Drawing thousands of lines takes longer than a
// frame may take. So the layer is drawn as often as its cost allows, and only moved
// with the map in between.

import { TRAIL_MS } from './trail.js';

const LEVELS = [0.07, 0.15, 0.26, 0.4, 0.6]; // opacity by age, oldest first
const COST_FACTOR = 5; // trails take at most one in so many parts of the time
const LEAST_WAIT_MS = 80; // between two drawings for the same view
const FRAME_MS = 17; // a frame of an idle browser
const MANY = 1000; // devices; with more, trails are drawn coarser
const PATH_LINES = 1000; // in one path: a longer one takes longer than its parts

export class Trails {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.ctx = this.canvas.getContext('2d');
    this.drawn = null; // the view and theme that it was drawn for
    this.cost = 0; // mean time that drawing it takes, the browser's part included, ms
    this.stale = true; // the trails have changed since
    this.measuring = 0; // when it was drawn, until the next frame tells the cost; otherwise 0
  }

  // draw copies the layer to ctx, after drawing it again if that is due. It returns in
  // how many ms another frame is wanted, Infinity for never.
  draw(ctx, view, theme, fleet, at, ratio, selected) {
    this.measureCost(at);
    const moved = !this.drawn || this.drawn.x !== view.x || this.drawn.y !== view.y || this.drawn.scale !== view.scale;
    const invalid = !this.drawn || this.drawn.theme !== theme || this.canvas.width !== ctx.canvas.width || this.canvas.height !== ctx.canvas.height;
    const wait = Math.max(this.cost * COST_FACTOR, moved ? 0 : LEAST_WAIT_MS) - (at - (this.drawn?.at ?? -Infinity));
    const wanted = this.stale || moved;
    const due = invalid || (wanted && wait <= 0);
    if (due) this.render(ctx.canvas, view, theme, fleet, at, ratio, selected);
    const d = this.drawn;
    const k = view.scale / d.scale;
    ctx.drawImage(this.canvas, view.px(d.left), view.py(d.top), view.width * k, view.height * k);
    if (due) return 0; // the next frame tells the cost of this one
    return wanted ? wait : Infinity;
  }

  // measureCost measures by the next frame how long a drawing took: the browser does
  // most of the work after the script has returned.
  measureCost(at) {
    if (!this.measuring) return;
    const took = Math.max(at - this.measuring - FRAME_MS, 0);
    this.measuring = 0;
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
        if (n > PATH_LINES) {
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
    this.measuring = at;
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

// lines adds the lines of a trail that have the age of a level to the current path,
// and returns how many. Only the last may be shorter than coarse pixels.
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
      // The first line begins at the point before, which is older than this level.
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
