// The canvas: what is drawn, and when.

import { Dots } from './dots.js';
import { drawGrid } from './grid.js';
import { Trails } from './trails.js';

const EASE_MS = 110; // a dot covers two thirds of its way to the newest position in this time
const NEAR_MOUSE_PX = 14;
const NEAR_TOUCH_PX = 26;

export class Chart {
  constructor(canvas, view, fleet) {
    this.canvas = canvas;
    this.ctx = canvas.getContext('2d', { alpha: false });
    this.view = view;
    this.fleet = fleet;
    this.trails = new Trails();
    this.dots = new Dots();
    this.theme = null;
    this.hovered = this.selected = null;
    this.following = false;
    this.drawn = 0; // frames
    this.cost = 0; // ms of script in a frame, a mean
    this.asked = false;
    this.timer = 0;
    this.last = 0;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    this.ratio = Math.min(devicePixelRatio || 1, 3);
    this.view.width = this.canvas.clientWidth;
    this.view.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.view.width * this.ratio);
    this.canvas.height = Math.round(this.view.height * this.ratio);
    this.onResize?.();
    // Setting the size has cleared it: an empty frame would flicker.
    if (this.theme) this.draw(performance.now());
  }

  setTheme(theme) {
    this.theme = theme;
    this.ask();
  }

  // changed says that the fleet has news.
  changed() {
    this.trails.stale = true;
    this.ask();
  }

  // ask has a frame drawn soon.
  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((at) => {
      this.asked = false;
      this.draw(at);
    });
  }

  draw(at) {
    if (!this.theme || !this.canvas.width || !this.canvas.height) return;
    const { ctx, view, theme, fleet, ratio } = this;
    const begin = performance.now();
    const gliding = view.step(at);
    const easing = this.ease(at - this.last);
    this.last = at;
    if (this.following && this.selected && !gliding) {
      view.go(view.centred(this.selected.shownX, this.selected.shownY, view.scale));
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawGrid(ctx, view, theme);
    const wait = this.trails.draw(ctx, view, theme, fleet, at, ratio, this.selected);
    this.dots.draw(ctx, view, theme, fleet, ratio, this.hovered, this.selected);
    this.drawn++;
    this.cost += 0.1 * (performance.now() - begin - this.cost);
    this.onDrawn?.();
    clearTimeout(this.timer);
    if (gliding || easing || wait === 0) this.ask();
    else if (wait < Infinity) this.timer = setTimeout(() => this.ask(), wait);
  }

  // ease lets the dots glide to where they are, quickly, and never beyond. It
  // reports whether one is still under way.
  ease(elapsed) {
    const part = this.calm.matches ? 1 : 1 - Math.exp(-Math.min(elapsed, 1000) / EASE_MS);
    const near = 0.4 / this.view.scale; // less than half a pixel
    let more = false;
    for (const d of this.fleet.devices.values()) {
      const dx = d.x - d.shownX;
      const dy = d.y - d.shownY;
      if (Math.abs(dx) < near && Math.abs(dy) < near) {
        d.shownX = d.x;
        d.shownY = d.y;
      } else {
        d.shownX += dx * part;
        d.shownY += dy * part;
        more = true;
      }
    }
    return more;
  }

  // find returns the device nearest to a place on the canvas, if one is near.
  find({ x, y, touch }) {
    let best = null;
    let least = (touch ? NEAR_TOUCH_PX : NEAR_MOUSE_PX) ** 2;
    for (const d of this.fleet.devices.values()) {
      const far = (this.view.px(d.shownX) - x) ** 2 + (this.view.py(d.shownY) - y) ** 2;
      if (far < least) {
        least = far;
        best = d;
      }
    }
    return best;
  }
}
