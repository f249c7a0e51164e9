// A run of a scenario, as far as it is known: the log, indexed, so that any moment of it can be shown at once.

import { ClientTracks, Track } from './clients';
import { Carries, type Columns, Kind, NOBODY, SERVER } from './columns';
import { withMore } from './grow';
import type { Cast, LogLine } from './log';
import { Messages, NONE } from './messages';
import { firstAfter, lastUpTo } from './search';

/** How many lines are kept after somebody looked at them. */
const KEPT_LINES = 4000;

const ACCEPTED = 1020;

let runs = 0;

export class Run {
  /** Tells it from every other run of this page. */
  readonly id = ++runs;
  /** How many events are known. */
  count = 0;
  at = new Float64Array(0);
  kind = new Uint8Array(0);
  client = new Int32Array(0);
  message = new Int32Array(0);
  code = new Uint16Array(0);
  /** How far virtual time has come. */
  loaded = 0;
  /** Whether that is the end. */
  done = false;
  readonly messages = new Messages();
  /** Every client number there is, in the order of their lanes. */
  readonly lanes: number[] = [];
  /** The events of changing standings, of all clients. */
  readonly changes = new Track();
  /** The violated invariants; the value is the number. */
  readonly violations = new Track();
  /** What the server is doing; the value is a ServerState. */
  readonly server = new Track();
  /** When the actions of the scenario happen: event and index. */
  readonly actions = new Track();

  private readonly laneOf = new Map<number, number>();
  private readonly tracks = new Map<number, ClientTracks>();
  private readonly texts: Columns[] = [];
  private readonly firstOf: number[] = [];
  private readonly lines = new Map<number, LogLine>();
  /** Of an answer without a message: the action that asked. */
  private readonly asked = new Map<number, number>();

  constructor(
    readonly cast: Cast,
    others: Iterable<number> = [],
  ) {
    for (const { client } of cast.clients) this.lane(client);
    for (const client of others) this.lane(client);
  }

  /** The lane of a client; a number that was not known before gets the next one. */
  lane(client: number): number {
    let lane = this.laneOf.get(client);
    if (lane === undefined) {
      lane = this.lanes.length;
      this.laneOf.set(client, lane);
      this.lanes.push(client);
    }
    return lane;
  }

  of(client: number): ClientTracks {
    let tracks = this.tracks.get(client);
    if (!tracks) this.tracks.set(client, (tracks = new ClientTracks()));
    return tracks;
  }

  /** When the whole scenario ends, as far as is known. */
  get end(): number {
    return this.done ? this.loaded : Math.max(this.cast.end ?? 0, this.loaded);
  }

  /** A line of the log. */
  line(event: number): LogLine {
    const kept = this.lines.get(event);
    if (kept) return kept;
    const line = JSON.parse(this.text(event)) as LogLine;
    if (this.lines.size >= KEPT_LINES) this.lines.clear();
    this.lines.set(event, line);
    return line;
  }

  /** The text of a line of the log, without its end. */
  text(event: number): string {
    const chunk = lastUpTo(this.firstOf, event);
    const columns = this.texts[chunk];
    if (!columns) throw new RangeError(`there is no event ${event}`);
    const i = event - (this.firstOf[chunk] as number);
    return columns.text.slice(columns.start[i], columns.start[i + 1] ?? columns.text.length).trimEnd();
  }

  /** The whole log. */
  log(): string {
    return this.texts.map((columns) => columns.text).join('');
  }

  /** The index of the action that an answer without a message belongs to; -1 if unknown. */
  actionOf(event: number): number {
    return this.asked.get(event) ?? NONE;
  }

  /** How many events have happened at `time`. */
  happened(time: number): number {
    return firstAfter(this.at, time, this.count);
  }

  append(columns: Columns, loaded: number): void {
    const base = this.count;
    this.at = withMore(this.at, base, columns.at);
    this.kind = withMore(this.kind, base, columns.kind);
    this.client = withMore(this.client, base, columns.client);
    this.message = withMore(this.message, base, columns.message);
    this.code = withMore(this.code, base, columns.code);
    this.firstOf.push(base);
    this.texts.push(columns);
    this.count = base + columns.count;
    for (let i = 0; i < columns.count; i++) this.index(base + i, columns, i);
    this.loaded = Math.max(this.loaded, loaded, this.at[this.count - 1] ?? 0);
  }

  /** There is nothing more to come. */
  finish(elapsed: number): void {
    this.loaded = Math.max(this.loaded, elapsed);
    this.done = true;
  }

  private index(event: number, columns: Columns, i: number): void {
    const at = columns.at[i] as number;
    const client = columns.client[i] as number;
    const code = columns.code[i] as number;
    const number = columns.message[i] as number;
    if (client >= 0) this.lane(client);
    switch (columns.kind[i]) {
      case Kind.action:
        this.actions.add(at, event, number);
        break;
      case Kind.sent: {
        const to = columns.peer[i] as number;
        this.messages.add(number, event, at, columns.arrives[i] as number, client, to, code);
        if (code === Carries.pulse && client >= 0) this.of(client).pulses.add(at, event);
        break;
      }
      case Kind.arrived: {
        const message = this.messages.index(number);
        if (message !== NONE) this.messages.fate[message] = code + 1;
        break;
      }
      case Kind.answered:
        this.answer(event, columns, i, at, client, code);
        break;
      case Kind.standing:
        this.of(client).standings.add(at, event, code);
        this.changes.add(at, event, client);
        break;
      case Kind.client:
        this.of(client).doings.add(at, event);
        break;
      case Kind.server:
        if (code !== 0) this.server.add(at, event, code);
        break;
      case Kind.violation:
        this.violations.add(at, event, code);
        break;
    }
  }

  private answer(event: number, columns: Columns, i: number, at: number, client: number, code: number): void {
    const number = columns.message[i] as number;
    const { messages } = this;
    let message = messages.index(number);
    if (message === NONE) {
      // Nobody sent it: an action put the question straight to the server. It is shown as a message without a way.
      const carries = code >= 1000 || code === 0 ? Carries.pulse : Carries.request;
      message = messages.add(number, event, at, at, client, SERVER, carries);
      this.asked.set(event, this.actions.value.at(-1) ?? NONE);
    }
    messages.answered[message] = event;
    messages.code[message] = code;
    const reply = columns.reply[i] as number;
    const to = columns.peer[i] as number;
    if (reply >= 0) messages.addReply(reply, event, at, columns.arrives[i] as number, to, message, code);
    const whose = client >= 0 ? client : (messages.from[message] as number);
    if (whose < 0 || whose === NOBODY) return;
    this.of(whose).answers.add(at, event, code);
    if (code === ACCEPTED) this.of(whose).accepted.add(at, event);
  }
}
