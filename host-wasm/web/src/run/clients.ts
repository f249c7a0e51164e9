// What the log says of one client: where in the log to look for it.

import { lastUpTo } from './search';

/** Events of one sort, with their times. */
export class Track {
  readonly at: number[] = [];
  readonly event: number[] = [];
  /** A number that says what happened. */
  readonly value: number[] = [];

  add(at: number, event: number, value = 0): void {
    this.at.push(at);
    this.event.push(event);
    this.value.push(value);
  }

  /** The index of the last one at or before `time`, or -1. */
  last(time: number): number {
    return lastUpTo(this.at, time);
  }

  get length(): number {
    return this.at.length;
  }
}

export class ClientTracks {
  /** The standings; the value is an index of STANDINGS. */
  readonly standings = new Track();
  /** The pulses it sent. */
  readonly pulses = new Track();
  /** What the server answered it; the value is the code or status. */
  readonly answers = new Track();
  /** The pulses that were accepted. */
  readonly accepted = new Track();
  /** What it did, by its own account. */
  readonly doings = new Track();
}
