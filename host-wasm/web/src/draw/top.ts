// The part of a tile above the clients: ticks of time, marks of what happens to the server and the network, its bar.

import { Kind, ServerState } from '../run/columns';
import type { Run } from '../run/run';
import { firstAtLeast } from '../run/search';
import { tickLabel, ticks, tickStep } from './axis';
import { TILE, TOP } from './geometry';
import { type Mark, Pen, type Shapes, textWidth, withText } from './shapes';

export interface TopTile {
  run: Run;
  scale: number;
  index: number;
}

const STATES: Record<number, string> = {
  [ServerState.running]: 'running',
  [ServerState.stopped]: 'stopped',
  [ServerState.stalled]: 'stalled',
};

const PATTERNS: Record<string, string> = { 'server-stopped': 'gone', 'server-stalled': 'pending' };

export function drawTop({ run, scale, index }: TopTile): Shapes {
  const pen = new Pen(['grid', 'server-running', 'server-stopped', 'server-stalled', 'action', 'mark', 'alarm']);
  const [from, to] = [(index * TILE) / scale, ((index + 1) * TILE) / scale];
  const left = index * TILE;
  const step = tickStep(scale);
  for (const at of ticks(from, to, step)) {
    const x = at * scale - left;
    pen.line('grid', x, TOP.axis - 5, x, TOP.height);
    pen.text('tick', x + 4, TOP.axis - 9, tickLabel(at, step));
  }
  drawServer(pen, run, scale, left, from, to);
  drawMarks(pen, run, scale, left, from, to);
  return pen.shapes(PATTERNS);
}

/** How far into the next tile the text of a mark may reach. */
const AFTER = 160;

interface TopMark extends Mark {
  alarm: boolean;
}

function drawMarks(pen: Pen, run: Run, scale: number, left: number, from: number, to: number): void {
  const first = firstAtLeast(run.at, from, run.count);
  const last = firstAtLeast(run.at, to + AFTER / scale, run.count);
  const marks: TopMark[] = [];
  for (let event = first; event < last; event++) {
    const text = markText(run, event);
    if (text === '') continue;
    const at = run.at[event] as number;
    const mark = { x: at * scale - left, text, own: at < to, alarm: run.kind[event] === Kind.violation };
    const before = marks.at(-1);
    // Of several in one place the last can be read, but a violation goes before everything.
    if (before && mark.x - before.x < 3) {
      if (mark.alarm || !before.alarm) marks[marks.length - 1] = { ...mark, x: before.x, own: before.own };
    } else marks.push(mark);
  }
  const y = TOP.axis + TOP.marks / 2 + 1;
  for (const { x, own, alarm } of marks) {
    if (!own) continue;
    if (alarm) pen.flag('alarm', x, TOP.axis + TOP.marks);
    else pen.diamond('mark', x, y);
  }
  const readable = new Set(withText(marks));
  for (const mark of marks) {
    if (readable.has(mark)) pen.text(mark.alarm ? 'alarm-text' : 'mark-text', mark.x + 8, y + 4, mark.text);
  }
}

/** What a mark says; empty if the event has none. */
function markText(run: Run, event: number): string {
  const kind = run.kind[event];
  if (kind === Kind.violation) return `I${run.code[event]}`;
  if (kind === Kind.network && (run.client[event] as number) < 0) return 'links change';
  if (kind !== Kind.server) return '';
  const line = run.line(event);
  if (line.event !== 'server' || line.does === 'ticks') return '';
  return line.does.includes('clock') ? line.does : `server ${line.does}`;
}

function drawServer(pen: Pen, run: Run, scale: number, left: number, from: number, to: number): void {
  const { server } = run;
  const end = run.loaded;
  const y = TOP.height - TOP.bar;
  for (let i = server.last(from); i < server.length; i++) {
    const begins = Math.max(from, 0, i < 0 ? 0 : (server.at[i] as number));
    const ends = Math.min(to, server.at[i + 1] ?? end, end);
    if (begins >= to) break;
    if (ends <= begins) continue;
    const state = STATES[server.value[i] ?? ServerState.running] ?? 'running';
    const [x, width] = [begins * scale - left, (ends - begins) * scale];
    pen.rect(`server-${state}`, x, y, width, TOP.bar);
    if (state !== 'running' && width >= textWidth(state)) pen.text('server-text', x + 6, y + TOP.bar / 2 + 4, state);
  }
}
