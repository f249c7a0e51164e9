// Messages as arrows: from lane to lane, or, where there are too many lanes, as stubs at the client's own.

import { Carries, FATES, NOBODY, SERVER } from '../run/columns';
import { toneOf } from '../run/describe';
import { NONE } from '../run/messages';
import type { Run } from '../run/run';
import { firstAtLeast } from '../run/search';
import { carriedShort } from '../run/words';
import { barTop, type Geometry, TILE } from './geometry';
import type { LanesTile } from './lanes';
import { type Pen, Room, textWidth } from './shapes';

/** No more arrows are drawn in one tile. So many cannot be told apart. */
const MOST = 3000;
/** Labels of neighbouring tiles may reach into this one, or this one's into theirs: so far they are heeded, too. */
const [BEFORE, AFTER] = [256, 128];
/** A question and its answer that are closer share one label. */
const TOGETHER = 56;
const LOST_AFTER = 0.55;
const QUEUED = FATES.indexOf('queued') + 1;

export interface Arrow {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  /** It ends where it was lost. */
  lost: boolean;
  queued: boolean;
  /** The lane the label belongs to. */
  lane: number;
  style: string;
}

const yOf = (run: Run, geometry: Geometry, client: number, end: 'top' | 'bottom'): number =>
  barTop(geometry, run.lane(client)) + (end === 'bottom' ? geometry.bar : 0);

function styleOf(run: Run, message: number): string {
  const { messages } = run;
  const carries = messages.carries[message];
  if (carries === Carries.reply) return toneOf(messages.code[message] as number);
  return carries === Carries.probe || carries === Carries.probe_answer ? 'peer' : 'plain';
}

/** Where a message is in the drawing; x is counted from time 0. Null if it has no lane of its own. */
export function arrowOf(run: Run, geometry: Geometry, scale: number, message: number): Arrow | null {
  const { messages } = run;
  const from = messages.from[message] as number;
  const to = messages.to[message] as number;
  const at = messages.at[message] as number;
  const arrives = messages.arrives[message] as number;
  const onTheWay = Number.isNaN(arrives);
  const fate = messages.fate[message] as number;
  const whose = from >= 0 ? from : to;
  const [x1, x2] = [at * scale, (onTheWay ? at + Math.min(messages.longest, 200) : arrives) * scale];
  const lost = onTheWay || to === NOBODY || (fate !== 0 && fate !== QUEUED);
  const rest = { lost, queued: fate === QUEUED, style: styleOf(run, message) };
  if (whose < 0) return { x1, y1: -2, x2, y2: -2, ...rest, lane: -1 };
  const lane = run.lane(whose);
  const own = barTop(geometry, lane);
  if (!geometry.full) {
    const [y1, y2] = from === SERVER ? [own - 12, own] : [own, own - 12];
    return { x1, y1, x2: Math.min(x2, x1 + 12), y2, ...rest, lane };
  }
  let [y1, y2] = [0, 0];
  if (from === SERVER) y2 = yOf(run, geometry, to, 'top');
  else if (to === SERVER || to === NOBODY) y1 = own;
  else {
    const down = run.lane(to) > lane;
    y1 = yOf(run, geometry, from, down ? 'bottom' : 'top');
    y2 = yOf(run, geometry, to, down ? 'top' : 'bottom');
  }
  const arrow = { x1, y1, x2, y2, ...rest, lane };
  if (onTheWay || to === NOBODY) {
    arrow.x2 = x1 + (x2 - x1) * LOST_AFTER;
    arrow.y2 = y1 + (y2 - y1) * LOST_AFTER;
  }
  return arrow;
}

/** In a crowd: the client whose messages are drawn at full length, and where the server's lower edge is just now. */
export interface Own {
  client: number;
  top: number;
}

export const isOf = ({ messages }: Run, message: number, client: number): boolean =>
  messages.from[message] === client || messages.to[message] === client;

/** Like `arrowOf`, but at full length if the message is of the chosen client. */
export function placeOf(run: Run, geometry: Geometry, scale: number, message: number, own: Own | null): Arrow | null {
  if (geometry.full || !own || !isOf(run, message, own.client)) return arrowOf(run, geometry, scale, message);
  const arrow = arrowOf(run, { ...geometry, full: true }, scale, message);
  if (!arrow) return null;
  const server = (y: number): number => (y === 0 ? own.top : y);
  let [y1, y2] = [server(arrow.y1), server(arrow.y2)];
  const [from, to] = [run.messages.from[message], run.messages.to[message]];
  if (from === SERVER || to === SERVER || to === NOBODY) {
    // Its lane has been scrolled away: there is nothing to be seen.
    const edge = barTop(geometry, run.lane(own.client));
    if (edge <= own.top) return null;
    const part = Number.isNaN(run.messages.arrives[message]) || to === NOBODY ? LOST_AFTER : 1;
    y1 = from === SERVER ? own.top : edge;
    y2 = y1 + ((from === SERVER ? edge : own.top) - y1) * part;
  }
  return { ...arrow, y1, y2 };
}

interface Labelled {
  message: number;
  arrow: Arrow;
  /** Whether it is this tile's, and not a neighbour's. */
  own: boolean;
}

export function drawMessages(pen: Pen, tile: LanesTile, from: number, to: number): void {
  const { run, scale, index, lanes, own: chosen = null } = tile;
  // What is drawn of one client alone is drawn as if there were no crowd.
  const geometry = chosen ? { ...tile.geometry, full: true } : tile.geometry;
  const { messages } = run;
  const left = index * TILE;
  const first = firstAtLeast(messages.at, from - BEFORE / scale, messages.count);
  const last = firstAtLeast(messages.at, to + AFTER / scale, messages.count);
  const room = new Room();
  const seen = new Set<string>();
  const labels: Labelled[] = [];
  let drawn = 0;
  for (let message = first; message < last && drawn < MOST; message++) {
    if (chosen && !isOf(run, message, chosen.client)) continue;
    if (tile.without !== undefined && isOf(run, message, tile.without)) continue;
    const arrow = placeOf(run, tile.geometry, scale, message, chosen);
    if (!arrow) continue;
    if (!geometry.full && (arrow.lane < lanes[0] || arrow.lane >= lanes[1])) continue;
    arrow.x1 -= left;
    arrow.x2 -= left;
    const key = `${arrow.lane} ${Math.round(arrow.x1)} ${arrow.style} ${arrow.lost} ${arrow.y1 < arrow.y2}`;
    if (seen.has(key)) continue;
    seen.add(key);
    drawn++;
    const at = messages.at[message] as number;
    const own = at >= from && at < to;
    if (own) draw(pen, geometry, arrow);
    if (arrow.lane >= 0) labels.push({ message, arrow, own });
  }
  // What went wrong is named first, as long as there is room.
  const plain = ({ arrow }: Labelled): number => (arrow.lost || arrow.style === 'late' || arrow.style === 'no' ? 0 : 1);
  labels.sort((a, b) => plain(a) - plain(b));
  for (const one of labels) {
    if (!room.full(one.arrow.lane)) label(pen, room, { ...tile, geometry }, one);
  }
}

function draw(pen: Pen, geometry: Geometry, arrow: Arrow): void {
  const { x1, y1, x2, y2, style } = arrow;
  if (arrow.lost) {
    pen.line('arrow-lost', x1, y1, x2, y2);
    pen.cross('cross', x2, y2, geometry.full ? 4 : 3);
    return;
  }
  pen.line(`arrow-${style}`, x1, y1, x2, y2);
  pen.head(`head-${style}`, x1, y1, x2, y2, geometry.full ? 6.5 : 5);
  if (arrow.queued) pen.diamond('queued', x2, y2, 4);
}

function label(pen: Pen, room: Room, tile: LanesTile, { message, arrow, own: mine }: Labelled): void {
  const { geometry } = tile;
  const text = labelText(tile, message);
  if (!text) return;
  const own = barTop(geometry, arrow.lane);
  const y = geometry.full ? own - geometry.gap * 0.4 : own - 3;
  // To the right of the arrow, at the height of the text.
  const part = arrow.y2 === arrow.y1 ? 0 : Math.min(1, Math.max(0, (y - arrow.y1) / (arrow.y2 - arrow.y1)));
  const x = arrow.x1 + (arrow.x2 - arrow.x1) * part + 5;
  if (!room.take(arrow.lane, x - 3, x + textWidth(text))) return;
  if (mine) pen.text(`label label-${arrow.lost ? 'lost' : arrow.style}`, x, y + 4, text);
}

function labelText(tile: LanesTile, message: number): string {
  const { run, scale, geometry } = tile;
  const { messages } = run;
  const code = messages.code[message] as number;
  if (messages.carries[message] === Carries.reply) {
    if (!geometry.full) return code === 1020 || code < 400 ? '' : String(code);
    const asks = messages.asks[message] as number;
    const apart = asks === NONE ? Infinity : ((messages.at[message] as number) - (messages.at[asks] as number)) * scale;
    const request = asks === NONE || messages.carries[asks] === Carries.pulse ? '' : whatShort(run, asks);
    return apart < TOGETHER && request ? `${request} ${code}` : String(code || '');
  }
  const reply = messages.replyTo(message);
  const near = reply !== NONE && ((messages.at[reply] as number) - (messages.at[message] as number)) * scale < TOGETHER;
  const lost = !messages.reached(message) && messages.fate[message] !== QUEUED;
  if (!geometry.full) return '';
  if (near && !lost) return '';
  const direct = reply === NONE && messages.answered[message] !== NONE && code ? ` ${code}` : '';
  return `${whatShort(run, message)}${direct}`;
}

/** What a message carries, in a word or two. */
export function whatShort(run: Run, message: number): string {
  const line = run.line(run.messages.event[message] as number);
  if (line.event === 'sent') return carriedShort(line.carries);
  return line.event === 'answered' && line.status !== undefined ? 'request' : 'pulse';
}
