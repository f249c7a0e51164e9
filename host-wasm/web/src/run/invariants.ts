// The invariants at a moment: how often each has been checked by then, and where it was broken first.

import type { Sample } from '../worker/protocol';
import type { Run } from './run';
import { lastUpTo } from './search';

export const INVARIANTS: readonly string[] = [
  'An address that is told is the source of the latest accepted pulse',
  'Every answer is what the specification says',
  'Ticks change no answer',
  'The same scenario gives the same log',
  'Every record has a deadline, and none is overdue after a tick',
  'Nothing is left behind',
  'Nobody gets more bytes than they sent',
];

export interface Verdict {
  number: number;
  /** The event that broke it first, if that has happened by now. */
  broken: { event: number; at: number; times: number } | null;
  checks: number;
}

export function verdictsAt(run: Run, samples: readonly Sample[], time: number): Verdict[] {
  const sample = samples[lastUpTo(samples.map(({ at }) => at), time)];
  const { at, event, value } = run.violations;
  const until = lastUpTo(at, time) + 1;
  return INVARIANTS.map((_, i) => {
    const number = i + 1;
    const first = value.indexOf(number);
    const times = value.slice(0, until).filter((one) => one === number).length;
    const broken = first >= 0 && first < until;
    return {
      number,
      broken: broken ? { event: event[first] as number, at: at[first] as number, times } : null,
      checks: sample?.checks[i] ?? 0,
    };
  });
}
