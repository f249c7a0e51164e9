// Which message is meant by a point of the drawing.

import { NONE } from '../run/messages';
import type { Run } from '../run/run';
import { firstAfter, firstAtLeast } from '../run/search';
import { type Own, placeOf } from './arrows';
import type { Geometry } from './geometry';

/** How far a finger or a pointer may be off. */
const REACH = 9;
/** So many candidates are looked at; in a denser drawing no arrow can be told from its neighbours. */
const MOST = 5000;

/** The message nearest to a point (x counted from time 0, y from the server's lower edge), or -1. */
export function pick(run: Run, geometry: Geometry, scale: number, x: number, y: number, own: Own | null = null): number {
  const { messages } = run;
  const longest = Math.max(messages.longest, 200);
  const first = firstAtLeast(messages.at, (x - REACH) / scale - longest, messages.count);
  const last = Math.min(firstAfter(messages.at, (x + REACH) / scale, messages.count), first + MOST);
  let [best, nearest] = [NONE, REACH];
  for (let message = first; message < last; message++) {
    const arrow = placeOf(run, geometry, scale, message, own);
    if (!arrow) continue;
    const far = distance(x, y, arrow.x1, arrow.y1, arrow.x2, arrow.y2);
    // Of several in the same place the later: the answer rather than the question.
    if (far <= nearest) [best, nearest] = [message, far];
  }
  return best;
}

function distance(x: number, y: number, x1: number, y1: number, x2: number, y2: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const square = dx * dx + dy * dy;
  const part = square === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / square));
  return Math.hypot(x - (x1 + part * dx), y - (y1 + part * dy));
}
