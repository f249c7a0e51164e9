// What is so at a moment: of one client, and of all of them.

import { ServerState, STANDINGS } from './columns';
import type { AnsweredLine, ClientLine, SentLine, Standing } from './log';
import type { Run } from './run';
import { firstAfter } from './search';

export const NOT_REGISTERED = 'not registered';
export type Shown = Standing | typeof NOT_REGISTERED;

/** The order in which counts are shown. */
export const SHOWN: readonly Shown[] = [...STANDINGS, NOT_REGISTERED];

export interface Event<Line> {
  event: number;
  line: Line;
}

export interface Moment {
  standing: Shown;
  /** Since when. */
  since: number;
  /** The next change, if there is one in the run. */
  next: { standing: Standing; at: number } | null;
  pulse: Event<SentLine> | null;
  answer: Event<AnsweredLine> | null;
  /** The last pulse that was accepted: what the server knows of the client comes from it. */
  accepted: Event<AnsweredLine> | null;
  /** The last thing the client said of itself. */
  doing: Event<ClientLine> | null;
}

/** What the server says to each standing: to a pulse, a verify, and somebody else's lookup. */
export const WOULD_GET: Record<Shown, { pulse: string; verify: string; lookup: string }> = {
  ONLINE: { pulse: '1020', verify: '200', lookup: 'ONLINE' },
  PENDING: { pulse: '1020', verify: '200', lookup: 'PENDING' },
  LATE: { pulse: '1050', verify: '200', lookup: 'PENDING' },
  GONE: { pulse: '1060', verify: '401', lookup: '404' },
  LEFT: { pulse: '1060', verify: '401', lookup: '404' },
  [NOT_REGISTERED]: { pulse: '1060', verify: '401', lookup: '404' },
};

export function standingAt(run: Run, client: number, time: number): Shown {
  const { standings } = run.of(client);
  return STANDINGS[standings.value[standings.last(time)] ?? -1] ?? NOT_REGISTERED;
}

export function momentOf(run: Run, client: number, time: number): Moment {
  const { standings, pulses, answers, accepted, doings } = run.of(client);
  const i = standings.last(time);
  const next = STANDINGS[standings.value[i + 1] ?? -1];
  const last = <Line>(track: typeof pulses): Event<Line> | null => {
    const event = track.event[track.last(time)];
    return event === undefined ? null : { event, line: run.line(event) as Line };
  };
  return {
    standing: STANDINGS[standings.value[i] ?? -1] ?? NOT_REGISTERED,
    since: standings.at[i] ?? 0,
    next: next ? { standing: next, at: standings.at[i + 1] as number } : null,
    pulse: last<SentLine>(pulses),
    answer: last<AnsweredLine>(answers),
    accepted: last<AnsweredLine>(accepted),
    doing: last<ClientLine>(doings),
  };
}

/** What the server is doing. */
export function serverAt(run: Run, time: number): string {
  const state = run.server.value[run.server.last(time)];
  return Object.entries(ServerState).find(([, value]) => value === state)?.[0] ?? 'running';
}

/** How many clients have each standing. */
export function countsAt(run: Run, time: number): Record<Shown, number> {
  const counts = Object.fromEntries(SHOWN.map((shown) => [shown, 0])) as Record<Shown, number>;
  for (const client of run.lanes) counts[standingAt(run, client, time)]++;
  return counts;
}

/** How many clients have each standing (in the order of SHOWN) at the middle of each of `parts` equal parts of the run. */
export function countsOver(run: Run, end: number, parts: number): number[][] {
  const counts = SHOWN.map(() => 0);
  counts[SHOWN.length - 1] = run.lanes.length;
  const now = new Map<number, number>();
  const over: number[][] = [];
  let i = 0;
  for (let part = 0; part < parts; part++) {
    const until = firstAfter(run.changes.at, ((part + 0.5) / parts) * end);
    for (; i < until; i++) {
      const client = run.changes.value[i] as number;
      const is = run.code[run.changes.event[i] as number] as number;
      const was = now.get(client) ?? SHOWN.length - 1;
      (counts[was] as number)--;
      (counts[is] as number)++;
      now.set(client, is);
    }
    over.push([...counts]);
  }
  return over;
}
