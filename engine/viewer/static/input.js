// Moves the view by mouse, finger, pen and keyboard.

const CLICK_PX = 6; // a press that moves less is a click
const STEP_PX = 80; // how far an arrow key moves the view
const WHEEL = 0.0018; // zoom per wheel pixel

// control listens on the canvas. It moves the view and then calls on.moved. A double
// click does not move the view: on.zoom(factor, x, y) is to do so smoothly. on.hover
// gets the point under the pointer, or null; on.click the point of a click. on.fit and
// on.escape are called for their keys. A point is {x, y, touch}, in CSS pixels.
export function control(canvas, view, on) {
  const pressed = new Map(); // the last point of each pointer that is down, by id
  let travelled = 0; // how far pointers have moved since the first was pressed, px

  const pointOf = (e) => {
    const box = canvas.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top, touch: e.pointerType === 'touch' };
  };

  canvas.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    if (pressed.size === 0) travelled = 0;
    pressed.set(e.pointerId, pointOf(e));
    on.hover(null);
  });

  canvas.addEventListener('pointermove', (e) => {
    const before = pressed.get(e.pointerId);
    const now = pointOf(e);
    if (!before) return on.hover(e.pointerType === 'touch' ? null : now);
    const other = [...pressed].find(([id]) => id !== e.pointerId)?.[1];
    pressed.set(e.pointerId, now);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (other) pinch(before, now, other);
    else if (travelled > CLICK_PX) view.pan(now.x - before.x, now.y - before.y);
    if (travelled > CLICK_PX) {
      canvas.classList.add('dragging');
      on.moved();
    }
  });

  function pinch(before, now, other) {
    const apartBefore = Math.hypot(before.x - other.x, before.y - other.y);
    const apartNow = Math.hypot(now.x - other.x, now.y - other.y);
    view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (apartBefore > 10 && apartNow > 10) view.zoom(apartNow / apartBefore, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  const release = (e) => {
    if (!pressed.delete(e.pointerId) || pressed.size) return;
    canvas.classList.remove('dragging');
    if (e.type === 'pointerup' && travelled <= CLICK_PX) on.click(pointOf(e));
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener('pointerleave', () => on.hover(null));

  canvas.addEventListener(
    'wheel',
    (e) => {
      e.preventDefault();
      const unit = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 18 : 1;
      const speed = e.ctrlKey ? 5 : 1; // a pinch on a touchpad is reported as a small wheel with Ctrl
      const { x, y } = pointOf(e);
      view.zoom(Math.exp(-Math.max(-240, Math.min(240, e.deltaY * unit)) * WHEEL * speed), x, y);
      on.moved();
    },
    { passive: false },
  );

  canvas.addEventListener('dblclick', (e) => {
    const { x, y } = pointOf(e);
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
