// Pointers and wheels on the drawing: drag to pan, pinch or Ctrl and wheel to zoom, click to choose.

export interface Gestures {
  pan: (pixels: number) => void;
  zoom: (factor: number, x: number) => void;
  click: (x: number, y: number) => void;
}

/** A pointer that has moved no further was a click. */
const STILL = 5;

export function gestures(node: HTMLElement, on: Gestures): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  const xOf = (x: number): number => x - node.getBoundingClientRect().left;

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (pointers.size === 0) moved = 0;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  };

  const move = (event: PointerEvent): void => {
    const was = pointers.get(event.pointerId);
    if (!was) return;
    const now = { x: event.clientX, y: event.clientY };
    moved += Math.abs(now.x - was.x) + Math.abs(now.y - was.y);
    pointers.set(event.pointerId, now);
    if (moved < STILL) return;
    if (!node.hasPointerCapture(event.pointerId)) node.setPointerCapture(event.pointerId);
    if (pointers.size === 1) {
      on.pan(was.x - now.x);
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return;
    const before = Math.hypot(was.x - other.x, was.y - other.y);
    const after = Math.hypot(now.x - other.x, now.y - other.y);
    if (before > 10 && after > 10) on.zoom(after / before, xOf((now.x + other.x) / 2));
  };

  const up = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId) || event.type === 'pointercancel') return;
    if (moved >= STILL || pointers.size > 0) return;
    const box = node.getBoundingClientRect();
    on.click(event.clientX - box.left, event.clientY - box.top);
  };

  const wheel = (event: WheelEvent): void => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      on.zoom(Math.exp(-event.deltaY / 200), xOf(event.clientX));
      return;
    }
    const across = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (Math.abs(across) <= Math.abs(event.deltaY) && !event.shiftKey) return;
    event.preventDefault();
    on.pan(across);
  };

  node.addEventListener('pointerdown', down);
  node.addEventListener('pointermove', move);
  node.addEventListener('pointerup', up);
  node.addEventListener('pointercancel', up);
  node.addEventListener('wheel', wheel, { passive: false });
  return () => {
    node.removeEventListener('pointerdown', down);
    node.removeEventListener('pointermove', move);
    node.removeEventListener('pointerup', up);
    node.removeEventListener('pointercancel', up);
    node.removeEventListener('wheel', wheel);
  };
}
