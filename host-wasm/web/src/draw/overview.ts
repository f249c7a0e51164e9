// The whole run at a glance: how many clients have which standing, stacked over time.

import { countsOver, SHOWN } from '../run/moment';
import type { Run } from '../run/run';
import { seconds } from '../run/words';

export interface Band {
  standing: string;
  d: string;
}

/** Bands in a box of `parts` by `height`. */
export function overview(run: Run, parts: number, height: number): Band[] {
  const over = countsOver(run, run.end || 1, parts);
  const clients = Math.max(1, run.lanes.length);
  const reached = run.done ? parts : Math.ceil((run.loaded / (run.end || 1)) * parts);
  const paths = SHOWN.map(() => '');
  const last = { from: -1, key: '' };
  const flush = (to: number): void => {
    if (last.from < 0) return;
    const counts = over[last.from] as number[];
    let y = 0;
    counts.forEach((count, i) => {
      const tall = (count / clients) * height;
      if (count > 0) paths[i] += `M${last.from} ${y.toFixed(1)}h${to - last.from}v${tall.toFixed(1)}h${last.from - to}z`;
      y += tall;
    });
  };
  for (let part = 0; part < reached; part++) {
    const key = (over[part] as number[]).join();
    if (key === last.key) continue;
    flush(part);
    [last.from, last.key] = [part, key];
  }
  flush(reached);
  return SHOWN.map((standing, i) => ({ standing: standing.replace(' ', '-'), d: paths[i] as string })).filter(
    (band) => band.d !== '',
  );
}

export interface Alarm {
  /** Where it is, as a part of the whole run. */
  part: number;
  /** The first event there. */
  event: number;
  /** Short, for the mark itself, and in full. */
  text: string;
  title: string;
}

/** Marks of broken invariants. What is closer together than this part of the whole shares one. */
export function alarmsOf(run: Run, end: number, apart = 0.05): Alarm[] {
  const alarms: (Alarm & { numbers: Set<number>; times: number })[] = [];
  const { at, event, value } = run.violations;
  for (let i = 0; i < event.length; i++) {
    const part = Math.min(1, (at[i] as number) / (end || 1));
    const before = alarms.at(-1);
    // At the end of the run a mark stands to the left of its place, and needs that room, too.
    const needed = part > 1 - apart ? 2 * apart : apart;
    if (before && part - before.part < needed) {
      before.numbers.add(value[i] as number);
      before.times++;
    } else {
      alarms.push({ part, event: event[i] as number, text: '', title: '', numbers: new Set([value[i] as number]), times: 1 });
    }
  }
  return alarms.map(({ part, event: first, numbers, times }) => {
    const names = [...numbers].sort((a, b) => a - b).map((number) => `I${number}`);
    const are = names.length > 1 ? 'are' : 'is';
    const often = times > 1 ? `, ${times} times from here` : '';
    const text = names.length > 2 ? `${names[0]} +${names.length - 1}` : names.join(' ');
    return { part, event: first, text, title: `${names.join(', ')} ${are} broken at ${seconds(run.at[first] as number)}${often}` };
  });
}
