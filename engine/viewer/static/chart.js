// The canvas: what is drawn, and when.

import { Dots } from './dots.js';
import { drawGrid } from './grid.js';
import { Trails } from './trails.js';

const EASE_MS = 110; // in this time a dot covers two thirds of the way to its newest position
const NEAR_MOUSE_PX = 14; // a dot is found within this distance
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
    this.drawn = 0; // frames so far
    this.cost = 0; // mean time of the script in a frame, ms
    this.requested = false; // a frame
    this.timer = 0; // for the next frame, if it is not wanted at once
    this.lastDrawn = 0;
    this.reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
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
    // Setting the size has cleared the canvas. Draw now: an empty frame would flicker.
    if (this.theme) this.draw(performance.now());
  }

  setTheme(theme) {
    this.theme = theme;
    this.requestDraw();
  }

  // fleetChanged is called when devices have moved, come or gone.
  fleetChanged() {
    this.trails.stale = true;
    this.requestDraw();
  }

  // requestDraw has the next animation frame drawn.
  requestDraw() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame((now) => {
      this.requested = false;
      this.draw(now);
    });
  }

  // draw draws one frame. now is the time of the frame, as of performance.now().
  draw(now) {
    if (!this.theme || !this.canvas.width || !this.canvas.height) return;
    const { ctx, view, theme, fleet, ratio } = this;
    const begin = performance.now();
    const gliding = view.step(now);
    const easing = this.ease(now - this.lastDrawn);
    this.lastDrawn = now;
    if (this.following && this.selected && !gliding) {
      view.go(view.centred(this.selected.shownX, this.selected.shownY, view.scale));
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawGrid(ctx, view, theme);
    const wait = this.trails.draw(ctx, view, theme, fleet, now, ratio, this.selected);
    this.dots.draw(ctx, view, theme, fleet, ratio, this.hovered, this.selected);
    this.drawn++;
    this.cost += 0.1 * (performance.now() - begin - this.cost);
    this.onDrawn?.();
    clearTimeout(this.timer);
    if (gliding || easing || wait === 0) this.requestDraw();
    else if (wait < Infinity) this.timer = setTimeout(() => this.requestDraw(), wait);
  }

  // ease moves the dots towards their newest positions, never beyond. It reports
  // whether one has not arrived.
  ease(elapsed) {
    const part = this.reducedMotion.matches ? 1 : 1 - Math.exp(-Math.min(elapsed, 1000) / EASE_MS);
    const near = 0.4 / this.view.scale; // less than half a pixel
    let moving = false;
    for (const d of this.fleet.devices.values()) {
      const dx = d.x - d.shownX;
      const dy = d.y - d.shownY;
      if (Math.abs(dx) < near && Math.abs(dy) < near) {
        d.shownX = d.x;
        d.shownY = d.y;
      } else {
        d.shownX += dx * part;
        d.shownY += dy * part;
        moving = true;
      }
    }
    return moving;
  }

  // find returns the device whose dot is nearest to a point of the canvas, null if
  // none is near.
  find({ x, y, touch }) {
    let nearest = null;
    let limit = (touch ? NEAR_TOUCH_PX : NEAR_MOUSE_PX) ** 2;
    for (const d of this.fleet.devices.values()) {
      const distance = (this.view.px(d.shownX) - x) ** 2 + (this.view.py(d.shownY) - y) ** 2;
      if (distance < limit) {
        limit = distance;
        nearest = d;
      }
    }
    return nearest;
  }
}
