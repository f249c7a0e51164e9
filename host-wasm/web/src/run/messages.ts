// Every message of a run: what clients send, and what the server answers. They are in the order in which they were sent.

import { Carries, NOBODY, SERVER } from './columns';
import { withRoom } from './grow';

/** No such message or event. */
export const NONE = -1;

/** What became of a message that was not lost on the way, if it was not simply taken; 0 is: taken. */
export const FATE_TAKEN = 0;

export class Messages {
  count = 0;
  /** The event that sent it. */
  event = new Int32Array(0);
  at = new Float64Array(0);
  /** NaN: lost on the way. */
  arrives = new Float64Array(0);
  from = new Int32Array(0);
  to = new Int32Array(0);
  carries = new Uint8Array(0);
  /** Of an answer: its code or HTTP status. */
  code = new Uint16Array(0);
  /** 1 + the index of its fate. */
  fate = new Uint8Array(0);
  /** Of a request: the event in which the server handled it. */
  answered = new Int32Array(0);
  /** Of an answer: the message it answers. */
  asks = new Int32Array(0);
  /** The longest that any message was under way. */
  longest = 0;

  private readonly byNumber = new Map<number, number>();

  /** The index of the message that the log calls by this number. */
  index(number: number): number {
    return this.byNumber.get(number) ?? NONE;
  }

  add(number: number, event: number, at: number, arrives: number, from: number, to: number, carries: number): number {
    const i = this.count++;
    this.room(i + 1);
    this.byNumber.set(number, i);
    this.event[i] = event;
    this.at[i] = at;
    this.arrives[i] = arrives;
    this.from[i] = from;
    this.to[i] = to;
    this.carries[i] = carries;
    this.answered[i] = NONE;
    this.asks[i] = NONE;
    if (arrives - at > this.longest) this.longest = arrives - at;
    return i;
  }

  /** The answer that takes this message's code back; -1 if there is none. */
  private readonly replies = new Map<number, number>();

  addReply(number: number, event: number, at: number, arrives: number, to: number, asks: number, code: number): void {
    const i = this.add(number, event, at, arrives, SERVER, to, Carries.reply);
    this.asks[i] = asks;
    this.code[i] = code;
    if (asks !== NONE) this.replies.set(asks, i);
  }

  replyTo(i: number): number {
    return this.replies.get(i) ?? NONE;
  }

  /** Whether it reached whoever it was for. */
  reached(i: number): boolean {
    return !Number.isNaN(this.arrives[i]) && this.fate[i] === FATE_TAKEN && this.to[i] !== NOBODY;
  }

  private room(needed: number): void {
    this.event = withRoom(this.event, needed);
    this.at = withRoom(this.at, needed);
    this.arrives = withRoom(this.arrives, needed);
    this.from = withRoom(this.from, needed);
    this.to = withRoom(this.to, needed);
    this.carries = withRoom(this.carries, needed);
    this.code = withRoom(this.code, needed);
    this.fate = withRoom(this.fate, needed);
    this.answered = withRoom(this.answered, needed);
    this.asks = withRoom(this.asks, needed);
  }
}
