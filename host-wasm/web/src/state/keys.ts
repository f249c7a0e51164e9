// The keyboard. Keys that mean something where the focus is keep their meaning.

import { controls, session } from './app';
import { SPEEDS } from './player.svelte';

export interface Shortcut {
  keys: string;
  does: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: 'Space', does: 'play or pause' },
  { keys: '← →', does: 'previous or next event' },
  { keys: 'Shift ← →', does: 'previous or next change of a standing' },
  { keys: 'Home End', does: 'to the start or the end' },
  { keys: '+ −', does: 'zoom in or out' },
  { keys: '1 to 5', does: 'speed: 0.1×, 1×, 10×, 100×, 1000×' },
  { keys: '↑ ↓', does: 'select the client above or below' },
  { keys: '/', does: 'to the presets' },
  { keys: '?', does: 'this help' },
  { keys: 'Esc', does: 'close' },
];

/** Whether the focus is where letters or arrows are wanted for something else. */
function busy(target: EventTarget | null, key: string): boolean {
  // Behind an open dialog nothing moves, wherever the focus is.
  if (document.querySelector('dialog[open]')) return true;
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  const pressed = key === ' ' || key === 'Enter';
  if (pressed && target.closest('button, summary, a, [role="button"]')) return true;
  if (target instanceof HTMLInputElement) {
    // A slider or a group of choices uses arrows, Home and End, but neither letters nor Space.
    const moves = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
    if (target.type === 'range' || target.type === 'radio') return moves.includes(key);
    return target.type !== 'checkbox' || pressed;
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** What a key does; undefined if nothing. */
function actionOf(event: KeyboardEvent, help: () => void, presets: () => void): (() => void) | undefined {
  const { view, player } = session;
  const what = event.shiftKey ? 'change' : 'event';
  switch (event.key) {
    case ' ':
      return () => controls.toggle();
    case 'ArrowRight':
      return () => controls.step('next', what);
    case 'ArrowLeft':
      return () => controls.step('previous', what);
    case 'ArrowDown':
      return () => controls.selectBy(1);
    case 'ArrowUp':
      return () => controls.selectBy(-1);
    case 'Home':
      return () => controls.toStart();
    case 'End':
      return () => controls.toEnd();
    case '+':
    case '=':
      return () => view.zoom(1.5);
    case '-':
    case '−':
      return () => view.zoom(1 / 1.5);
    case '/':
      return presets;
    case '?':
      return help;
  }
  const speed = /^[1-5]$/.test(event.key) ? SPEEDS[Number(event.key) - 1] : undefined;
  return speed === undefined ? undefined : () => (player.speed = speed);
}

export function listen(help: () => void, presets: () => void): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (busy(event.target, event.key)) return;
    const action = actionOf(event, help, presets);
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}
