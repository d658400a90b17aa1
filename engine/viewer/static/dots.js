// The dots, up to thousands in a frame. The path of a dot is made once per size and
// heading, and filled at the place of each device.

import { STATES } from './fleet.js';

const HEADINGS = 48; // directions of a drop
const OUTLINED_UP_TO = 800; // dots in view; with more, outlines cannot be seen
const POINTED_FROM = 3; // radius; smaller dots do not show their direction
const LABELS_UP_TO = 40; // dots in view; with more, only selected and hovered dots have a label

export class Dots {
  constructor() {
    this.shapes = new Map(); // by radius
    this.radius = 4;
    this.inView = 0; // dots in the last frame
    this.widths = new Map(); // of labels, in pixels
  }

  // draw draws all devices in view. If they are few, they have labels; the hovered and
  // the selected one always have.
  draw(ctx, view, theme, fleet, ratio, hovered, selected) {
    const r = this.size(view);
    const seen = { moving: [], stopped: [], silent: [], located: [] };
    let inView = 0;
    for (const d of fleet.devices.values()) {
      const px = view.px(d.shownX);
      const py = view.py(d.shownY);
      if (px < -9 || py < -9 || px > view.width + 9 || py > view.height + 9) continue;
      seen[d.state].push({ d, px, py });
      inView++;
    }
    this.inView = inView;
    const outlined = inView <= OUTLINED_UP_TO;
    // The rarer states come last, on top of the others.
    for (const state of STATES) this[state](ctx, theme, seen[state], r, ratio, outlined);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (inView <= LABELS_UP_TO) this.labels(ctx, theme, STATES.flatMap((s) => seen[s]), r, hovered, selected);
    if (selected) this.halo(ctx, view, theme, selected, r);
    for (const d of new Set([hovered, selected])) if (d) this.tag(ctx, view, theme, d, r);
  }

  // size is the radius for the number of dots in view. It changes only if it is clearly
  // wrong, so that dots do not pulsate.
  size(view) {
    const room = Math.sqrt((view.width * view.height) / Math.max(this.inView, 1));
    const ideal = Math.min(Math.max(room / 11, 2.5), 5.5);
    if (Math.abs(ideal - this.radius) > 0.7) this.radius = Math.round(ideal * 2) / 2;
    return this.radius;
  }

  // Each state has a shape of its own, for people who cannot tell the colours apart.
  // Moving is a drop that points in the direction of travel.
  moving(ctx, theme, seen, r, ratio, outlined) {
    const { drops, disc } = this.shapesOf(r);
    ctx.fillStyle = theme.moving;
    ctx.strokeStyle = theme.ground;
    ctx.lineWidth = 2;
    ctx.lineJoin = 'round';
    for (const { d, px, py } of seen) {
      const pointed = d.course !== undefined && r >= POINTED_FROM;
      const shape = pointed ? drops[Math.round((d.course / 360) * HEADINGS) % HEADINGS] : disc;
      ctx.setTransform(ratio, 0, 0, ratio, px * ratio, py * ratio);
      if (outlined) ctx.stroke(shape);
      ctx.fill(shape);
    }
  }

  // Stopped is a ring.
  stopped(ctx, theme, seen, r, ratio) {
    const { disc } = this.shapesOf(r - 0.5);
    ctx.fillStyle = theme.ground;
    ctx.strokeStyle = theme.stopped;
    ctx.lineWidth = Math.max(1.75, r * 0.45);
    stamp(ctx, seen, ratio, disc);
  }

  // Silent is a pale disc with a grey, dashed rim.
  silent(ctx, theme, seen, r, ratio) {
    ctx.fillStyle = theme['silent-fill'];
    ctx.strokeStyle = theme.silent;
    ctx.lineWidth = 1.5;
    if (r >= POINTED_FROM) ctx.setLineDash([r * 0.62, r * 0.43]);
    stamp(ctx, seen, ratio, this.shapesOf(r).disc);
    ctx.setLineDash([]);
  }

  // Located is a smaller disc: it is not known whether the device moves.
  located(ctx, theme, seen, r, ratio) {
    ctx.fillStyle = theme.located;
    ctx.strokeStyle = theme.ground;
    ctx.lineWidth = 1;
    stamp(ctx, seen, ratio, this.shapesOf(r - 1).disc);
  }

  shapesOf(r) {
    let shapes = this.shapes.get(r);
    if (!shapes) {
      const disc = new Path2D();
      disc.arc(0, 0, r, 0, 2 * Math.PI);
      const drops = Array.from({ length: HEADINGS }, (_, h) => drop(r, (h * 2 * Math.PI) / HEADINGS));
      this.shapes.set(r, (shapes = { disc, drops }));
    }
    return shapes;
  }

  halo(ctx, view, theme, d, r) {
    ctx.strokeStyle = theme.select;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.arc(view.px(d.shownX), view.py(d.shownY), r + 6, 0, 2 * Math.PI);
    ctx.stroke();
  }

  // labels writes ids beside the dots, except where they would overlap.
  labels(ctx, theme, seen, r, hovered, selected) {
    ctx.font = '11px system-ui, sans-serif';
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillStyle = theme.text;
    ctx.strokeStyle = theme.ground;
    ctx.lineWidth = 3;
    ctx.lineJoin = 'round';
    const taken = [];
    for (const { d, px, py } of seen) {
      if (d === hovered || d === selected) continue;
      const box = { x: px + r + 5, y: py - 7, w: this.width(ctx, d.id, '11'), h: 14 };
      if (taken.some((t) => box.x < t.x + t.w && t.x < box.x + box.w && box.y < t.y + t.h && t.y < box.y + box.h)) continue;
      taken.push(box);
      ctx.globalAlpha = d.state === 'silent' ? 0.65 : 0.9;
      ctx.strokeText(d.id, box.x, py);
      ctx.fillText(d.id, box.x, py);
    }
    ctx.globalAlpha = 1;
  }

  // tag writes the id, and the speed while the device moves, on a small box.
  tag(ctx, view, theme, d, r) {
    const text = d.state === 'moving' && d.speed !== undefined ? `${d.id}  ${Math.round(d.speed)} km/h` : d.id;
    ctx.font = '600 12px system-ui, sans-serif';
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    const w = this.width(ctx, text, '12') + 14;
    const py = view.py(d.shownY);
    let px = view.px(d.shownX) + r + 9;
    if (px + w > view.width - 4) px -= w + 2 * (r + 9);
    ctx.fillStyle = theme.panel;
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.roundRect(px, py - 11, w, 22, 6);
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = theme.text;
    ctx.fillText(text, px + 7, py + 0.5);
  }

  width(ctx, text, font) {
    const key = font + text;
    let w = this.widths.get(key);
    if (w === undefined) {
      if (this.widths.size > 20_000) this.widths.clear();
      this.widths.set(key, (w = ctx.measureText(text).width));
    }
    return w;
  }
}

// drop is a disc with a tip that points to angle, in radians, clockwise from north.
function drop(r, angle) {
  const p = new Path2D();
  const at = (length, turn) => [length * Math.sin(angle + turn), -length * Math.cos(angle + turn)];
  p.arc(0, 0, r, angle - Math.PI / 4, angle + Math.PI * 1.25);
  p.lineTo(...at(r * 1.8, 0));
  p.closePath();
  return p;
}

function stamp(ctx, seen, ratio, shape) {
  for (const { px, py } of seen) {
    ctx.setTransform(ratio, 0, 0, ratio, px * ratio, py * ratio);
    ctx.fill(shape);
    ctx.stroke(shape);
  }
}
