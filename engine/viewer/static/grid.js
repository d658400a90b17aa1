// The graticule: faint lines of latitude and longitude at round degrees.

import { latOf, lonOf, xOf, yOf } from './view.js';

const SPACING_PX = 150; // lines are at least so far apart
const STEPS = [30, 20, 10, 5, 2, 1];

// stepOf is the smallest round number of degrees that is at least min.
export function stepOf(min) {
  let best = STEPS[0];
  for (let unit = 1; unit >= 1e-6; unit /= 10) {
    for (const s of unit === 1 ? STEPS : [5, 2, 1]) {
      if (s * unit < min) return best;
      best = s * unit;
    }
  }
  return best;
}

export function drawGrid(ctx, view, theme) {
  ctx.fillStyle = theme.ground;
  ctx.fillRect(0, 0, view.width, view.height);
  const perPixel = 360 / view.scale;
  const lonStep = stepOf(SPACING_PX * perPixel);
  const latStep = stepOf(SPACING_PX * perPixel * Math.cos((latOf(view.y) * Math.PI) / 180));
  ctx.lineWidth = 1;
  ctx.strokeStyle = theme.grid;
  ctx.fillStyle = theme['grid-text'];
  ctx.font = '10.5px system-ui, sans-serif';
  ctx.beginPath();

  const west = lonOf(view.worldX(0));
  const east = lonOf(view.worldX(view.width));
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  for (let i = Math.ceil(west / lonStep); i * lonStep < east; i++) {
    const px = crisp(view.px(xOf(i * lonStep)));
    ctx.moveTo(px, 0);
    ctx.lineTo(px, view.height);
    if (px > 30) ctx.fillText(degrees(wrap(i * lonStep), lonStep, 'E', 'W'), px + 5, view.margin.top + 2);
  }
  const south = latOf(view.worldY(view.height));
  const north = latOf(view.worldY(0));
  ctx.textBaseline = 'bottom';
  for (let i = Math.ceil(south / latStep); i * latStep < north; i++) {
    const py = crisp(view.py(yOf(i * latStep)));
    ctx.moveTo(0, py);
    ctx.lineTo(view.width, py);
    if (py > view.margin.top + 30 && py < view.height - view.margin.bottom) ctx.fillText(degrees(i * latStep, latStep, 'N', 'S'), 8, py - 2);
  }
  ctx.stroke();
}

function crisp(px) {
  return Math.round(px) + 0.5;
}

function wrap(lon) {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

function degrees(value, step, plus, minus) {
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const text = Math.abs(value).toFixed(decimals) + '°';
  return Number(value.toFixed(decimals)) === 0 ? text : text + (value > 0 ? plus : minus);
}

// scaleBar is the longest round length that fits into maxPx pixels.
export function scaleBar(metresPerPixel, maxPx) {
  const limit = metresPerPixel * maxPx;
  const unit = 10 ** Math.floor(Math.log10(limit));
  const metres = [5, 2, 1].map((n) => n * unit).find((m) => m <= limit);
  const text = metres >= 1000 ? metres / 1000 + ' km' : metres >= 1 ? metres + ' m' : Math.round(metres * 100) + ' cm';
  return { px: metres / metresPerPixel, text };
}
