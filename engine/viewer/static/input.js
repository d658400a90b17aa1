// Moving the view by mouse, finger, pen and keyboard.

const CLICK_PX = 6; // a press that moves less is a click
const STEP_PX = 80; // of an arrow key
const WHEEL = 0.0018; // zoom per wheel pixel

// control listens on the canvas. on.moved is called after the user moved the
// view, on.zoom(factor, x, y) where he wants it to glide, on.point with a place (or none) the pointer rests on, on.pick with the
// place clicked, on.fit and on.escape for their keys.
export function control(canvas, view, on) {
  const held = new Map(); // pointers down, by id
  let travelled = 0;

  const place = (e) => {
    const box = canvas.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top, touch: e.pointerType === 'touch' };
  };

  canvas.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    if (held.size === 0) travelled = 0;
    held.set(e.pointerId, place(e));
    on.point(null);
  });

  canvas.addEventListener('pointermove', (e) => {
    const before = held.get(e.pointerId);
    const now = place(e);
    if (!before) return on.point(e.pointerType === 'touch' ? null : now);
    const other = [...held].find(([id]) => id !== e.pointerId)?.[1];
    held.set(e.pointerId, now);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (other) pinch(before, now, other);
    else if (travelled > CLICK_PX) view.pan(now.x - before.x, now.y - before.y);
    if (travelled > CLICK_PX) {
      canvas.classList.add('held');
      on.moved();
    }
  });

  function pinch(before, now, other) {
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(now.x - other.x, now.y - other.y);
    view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (was > 10 && is > 10) view.zoom(is / was, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  const release = (e) => {
    if (!held.delete(e.pointerId)) return;
    if (held.size) return;
    canvas.classList.remove('held');
    if (e.type === 'pointerup' && travelled <= CLICK_PX) on.pick(place(e));
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener('pointerleave', () => on.point(null));

  canvas.addEventListener(
    'wheel',
    (e) => {
      e.preventDefault();
      const unit = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 18 : 1;
      const speed = e.ctrlKey ? 5 : 1; // a pinch on a touchpad comes as a small wheel
      const { x, y } = place(e);
      view.zoom(Math.exp(-Math.max(-240, Math.min(240, e.deltaY * unit)) * WHEEL * speed), x, y);
      on.moved();
    },
    { passive: false },
  );

  canvas.addEventListener('dblclick', (e) => {
    const { x, y } = place(e);
    on.zoom(2, x, y);
  });

  const keys = {
    ArrowLeft: () => view.pan(STEP_PX, 0),
    ArrowRight: () => view.pan(-STEP_PX, 0),
    ArrowUp: () => view.pan(0, STEP_PX),
    ArrowDown: () => view.pan(0, -STEP_PX),
    '+': () => view.zoom(1.4),
    '=': () => view.zoom(1.4),
    '-': () => view.zoom(1 / 1.4),
  };
  canvas.addEventListener('keydown', (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    if (e.key === 'Escape') return on.escape();
    if (e.key === '0' || e.key === 'Home') return on.fit();
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
    on.moved();
  });
}
