// Where the selected event is in the drawing.

import { Kind } from '../run/columns';
import { NONE } from '../run/messages';
import type { Run } from '../run/run';
import { type Own, placeOf } from './arrows';
import { barTop, type Geometry } from './geometry';

/** The message that shows an event: of an answer the answer itself. */
export function messageOf(run: Run, event: number): number {
  const kind = run.kind[event];
  if (kind !== Kind.sent && kind !== Kind.answered && kind !== Kind.arrived) return NONE;
  const message = run.messages.index(run.message[event] as number);
  if (message === NONE || kind !== Kind.answered) return message;
  const reply = run.messages.replyTo(message);
  return reply === NONE ? message : reply;
}

/** A path around it; x is counted from the time of the event. */
export function outlineOf(run: Run, geometry: Geometry, scale: number, event: number, own: Own | null = null): string {
  const message = messageOf(run, event);
  const x = (run.at[event] as number) * scale;
  if (message !== NONE) {
    const arrow = placeOf(run, geometry, scale, message, own);
    if (arrow) return `M${arrow.x1 - x} ${arrow.y1}L${arrow.x2 - x} ${arrow.y2}`;
  }
  const client = run.client[event] as number;
  if (client < 0) return '';
  const y = barTop(geometry, run.lane(client));
  return `M-1 ${y - 2}v${geometry.bar + 4}`;
}
