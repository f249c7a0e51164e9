// The clients' lanes in one tile of the drawing: standings as bars, messages as arrows, and marks.

import { Kind, STANDINGS } from '../run/columns';
import { firstAtLeast } from '../run/search';
import type { Run } from '../run/run';
import { drawMessages, type Own } from './arrows';
import { ticks, tickStep } from './axis';
import { barTop, type Geometry, laneHeight, TILE } from './geometry';
import { type Mark, Pen, Room, type Shapes, textWidth, withText } from './shapes';

export interface LanesTile {
  run: Run;
  geometry: Geometry;
  /** Pixels per millisecond. */
  scale: number;
  /** The number of the tile: it begins at pixel `index * TILE` from time 0. */
  index: number;
  /** The lanes to draw: from, and up to but without. */
  lanes: readonly [number, number];
  /** In a crowd: only this client's messages, at full length. */
  own?: Own | null;
  /** In a crowd: the client whose messages are drawn apart. */
  without?: number;
}

/** A long bar says its standing every so many pixels. A tile is a multiple of it. */
const REPEAT = 256;

const ORDER = [
  'grid',
  'unregistered',
  ...STANDINGS.flatMap((standing) => [`span-${standing}`, `edge-${standing}`]),
  'arrow-plain', 'head-plain', 'arrow-peer', 'head-peer', 'arrow-ok', 'head-ok', 'arrow-late', 'head-late',
  'arrow-no', 'head-no', 'arrow-lost', 'cross', 'queued', 'mark', 'violation', 'violated',
];

export const PATTERNS: Record<string, string> = {
  'span-PENDING': 'pending',
  'span-LATE': 'late',
  'span-GONE': 'gone',
};

export function drawLanes(tile: LanesTile): Shapes {
  const { geometry, scale, index, lanes } = tile;
  const pen = new Pen(ORDER);
  const [from, to] = [(index * TILE) / scale, ((index + 1) * TILE) / scale];
  const height = lanes[1] * laneHeight(geometry);
  const top = lanes[0] * laneHeight(geometry);
  const left = index * TILE;
  for (const at of ticks(from, to, tickStep(scale))) pen.line('grid', at * scale - left, top, at * scale - left, height);
  for (let lane = lanes[0]; lane < lanes[1]; lane++) drawStandings(pen, tile, lane, from, to);
  drawMessages(pen, tile, from, to);
  drawMarks(pen, tile, from, to);
  return pen.shapes(PATTERNS);
}

/** The messages of the chosen client alone. They lie on the lanes of a crowd. */
export function drawOwn(tile: LanesTile): Shapes {
  const pen = new Pen(ORDER);
  drawMessages(pen, tile, (tile.index * TILE) / tile.scale, ((tile.index + 1) * TILE) / tile.scale);
  return pen.shapes();
}

function drawStandings(pen: Pen, tile: LanesTile, lane: number, from: number, to: number): void {
  const { run, geometry, scale, index } = tile;
  const { standings } = run.of(run.lanes[lane] as number);
  const y = barTop(geometry, lane);
  const left = index * TILE;
  const end = run.loaded;
  let i = standings.last(from);
  for (; i < standings.length; i++) {
    const begins = Math.max(from, standings.at[i] ?? 0);
    const ends = Math.min(to, standings.at[i + 1] ?? end, end);
    if (begins >= to) break;
    if (ends <= begins) continue;
    const [x, width] = [begins * scale - left, (ends - begins) * scale];
    const standing = STANDINGS[standings.value[i] ?? -1];
    if (!standing) {
      if (begins < end) pen.rect('unregistered', x, y + geometry.bar / 2 - 0.5, width, 1);
      continue;
    }
    if (standing === 'LEFT') pen.rect('span-LEFT', x, y + geometry.bar - 6, width, 3);
    else pen.rect(`span-${standing}`, x, y, width, geometry.bar);
    if (standing !== 'LEFT') pen.rect(`edge-${standing}`, x, y + geometry.bar - 3, width, 3);
    nameStanding(pen, standing, i, standings.at, { scale, left, from, to, end }, y + geometry.bar / 2 + 2.5);
  }
}

interface Part {
  scale: number;
  left: number;
  from: number;
  to: number;
  end: number;
}

/** At its beginning, and again and again, so that a part of a long bar says its standing, too. */
function nameStanding(pen: Pen, standing: string, i: number, at: readonly number[], part: Part, y: number): void {
  const { scale, left, from, to, end } = part;
  const [begins, ends] = [(at[i] as number) * scale, Math.min(at[i + 1] ?? end, end) * scale];
  const needed = textWidth(standing) + 4;
  const again = Math.ceil((begins + needed + 20) / REPEAT) * REPEAT;
  const first = begins >= from * scale ? begins : Math.max(again, Math.ceil((from * scale) / REPEAT) * REPEAT);
  for (let x = first; x < to * scale && x + needed <= ends; x = x === begins ? again : x + REPEAT) {
    pen.text('standing', x - left + 6, y, standing);
  }
}

/** How far into the next tile the text of a mark may reach. */
const AFTER = 160;

function drawMarks(pen: Pen, tile: LanesTile, from: number, to: number): void {
  const { run, geometry, scale, index, lanes } = tile;
  const left = index * TILE;
  const first = firstAtLeast(run.at, from, run.count);
  const last = firstAtLeast(run.at, geometry.full ? to + AFTER / scale : to, run.count);
  const marks = new Map<number, Mark[]>();
  const broken = new Room();
  const yOf = (lane: number): number => barTop(geometry, lane) + geometry.bar + (geometry.full ? 7 : 4);
  for (let event = first; event < last; event++) {
    const kind = run.kind[event] as number;
    const own = (run.at[event] as number) < to;
    if (kind === Kind.violation && own) drawViolation(pen, tile, event, broken);
    if (kind !== Kind.client && kind !== Kind.network) continue;
    const client = run.client[event] as number;
    const lane = client < 0 ? -1 : run.lane(client);
    if (lane < lanes[0] || lane >= lanes[1]) continue;
    const x = (run.at[event] as number) * scale - left;
    let here = marks.get(lane);
    if (!here) marks.set(lane, (here = []));
    const before = here.at(-1);
    const line = geometry.full ? run.line(event) : null;
    const text = line && (line.event === 'client' || line.event === 'network') ? line.does : '';
    // Of several in one place only the last can be read.
    if (before && x - before.x < 3) before.text = text;
    else here.push({ x, text, own });
  }
  for (const [lane, here] of marks) {
    for (const { x, own } of here) if (own) pen.diamond('mark', x, yOf(lane), geometry.full ? 3.5 : 2.5);
    if (geometry.full) for (const { x, text } of withText(here)) pen.text('mark-text', x + 7, yOf(lane) + 3.5, text);
  }
}

function drawViolation(pen: Pen, tile: LanesTile, event: number, room: Room): void {
  const { run, geometry, scale, index, lanes } = tile;
  const x = (run.at[event] as number) * scale - index * TILE;
  pen.line('violation', x, lanes[0] * laneHeight(geometry), x, lanes[1] * laneHeight(geometry));
  const client = run.client[event] as number;
  if (client < 0) return;
  const lane = run.lane(client);
  if (lane < lanes[0] || lane >= lanes[1]) return;
  const y = barTop(geometry, lane);
  pen.rect('violated', x - 5, y - 3, 10, geometry.bar + 6);
  const text = `I${run.code[event]} broken`;
  // Several at once are named once.
  if (room.take(lane, x, x + textWidth(text))) pen.text('alarm-text', x + 9, y + geometry.bar / 2 + 3, text);
}
