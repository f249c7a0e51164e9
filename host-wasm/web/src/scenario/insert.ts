// Inserting an action at a moment of a run. The run is deterministic: what happened before that moment stays as it was.

import type { Action, Scenario } from './types';

/** When the actions of a run happened, by index, and when it ended. The log says it; nobody has to compute it. */
export interface Times {
  at: readonly (number | undefined)[];
  end: number;
}

/** How long a run goes on after an action that is put at its very end. */
const AFTERMATH = 60_000;

/** How long after the beginning an action that lets time pass ends. */
function endsAt(action: Action, begins: number): number | null {
  if (action.do === 'until') return action.at;
  if (action.do === 'advance' && action.millis > 0) return begins + action.millis;
  return null;
}

/** The scenario with these actions at `time`, in whole milliseconds. */
export function insertAt(scenario: Scenario, times: Times, time: number, ...inserted: Action[]): Scenario {
  const moment = Math.floor(time);
  const { actions } = scenario;
  let last = -1;
  while (last + 1 < actions.length && (times.at[last + 1] ?? Infinity) <= moment) last++;
  const before = actions.slice(0, Math.max(0, last));
  const after = actions.slice(last + 1);
  const running = actions[last];
  const begins = times.at[last] ?? 0;
  const ends = running ? endsAt(running, begins) : null;
  const until: Action = { do: 'until', at: moment };
  let middle: Action[];
  if (running && ends !== null && ends > moment) {
    // Time is passing: up to here, then the new, then the rest.
    middle = [...(moment > begins ? [until] : []), ...inserted, { do: 'until', at: ends }];
  } else {
    const next = times.at[last + 1] ?? times.end;
    const wait = moment > next ? [until] : [];
    middle = [...(running ? [running] : []), ...wait, ...inserted];
    if (after.length === 0 && next <= moment) middle.push({ do: 'until', at: moment + AFTERMATH });
  }
  return { ...scenario, actions: [...before, ...middle, ...after] };
}
