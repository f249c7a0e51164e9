// The whole run at a glance: how many clients have which standing, stacked over time.

import { countsOver, SHOWN } from '../run/moment';
import type { Run } from '../run/run';

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
