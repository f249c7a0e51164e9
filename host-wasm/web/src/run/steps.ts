// Where a step leads to.

import type { Run } from './run';
import { firstAfter, firstAtLeast } from './search';

// Time 0 without a current event is before everything, also before what happens at 0.
const nothingYet = (time: number, current: number | null): boolean => time === 0 && current === null;

/** The event after this moment. With `current`, an event of this very moment, events of the same time come one by one. */
export function nextEvent(run: Run, time: number, current: number | null): number | null {
  const here = current !== null && run.at[current] === time;
  const next = here ? current + 1 : nothingYet(time, current) ? 0 : firstAfter(run.at, time, run.count);
  return next < run.count ? next : null;
}

/** The event before this moment; without `current`, that may be one of this very moment: it has happened already. */
export function previousEvent(run: Run, time: number, current: number | null): number | null {
  if (nothingYet(time, current)) return null;
  const next = current !== null && run.at[current] === time ? current : firstAfter(run.at, time, run.count);
  return next > 0 ? next - 1 : null;
}

/** The next change of anybody's standing. */
export function nextChange(run: Run, time: number, current: number | null): number | null {
  const { at, event } = run.changes;
  const here = current !== null && run.at[current] === time;
  if (nothingYet(time, current)) return event[0] ?? null;
  return event[here ? firstAfter(event, current) : firstAfter(at, time)] ?? null;
}

export function previousChange(run: Run, time: number, current: number | null): number | null {
  const { at, event } = run.changes;
  const here = current !== null && run.at[current] === time;
  if (nothingYet(time, current)) return null;
  return event[(here ? firstAtLeast(event, current) : firstAfter(at, time)) - 1] ?? null;
}
