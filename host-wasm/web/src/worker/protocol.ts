// What the page and its worker say to each other.

import type { Columns } from '../run/columns';
import type { Cast, Summary } from '../run/log';

/** A browser keeps no more lines than this; a larger run is for the native command. */
export const MAX_LINES = 300_000;

export type Request = { type: 'run'; id: number; text: string } | { type: 'mermaid'; id: number; text: string };

/** How often each invariant had been checked at a moment, I1 to I7. */
export interface Sample {
  at: number;
  checks: number[];
}

export type Report =
  | { type: 'received'; id: number }
  | { type: 'cast'; id: number; cast: Cast }
  | { type: 'chunk'; id: number; columns: Columns; samples: Sample[]; elapsed: number }
  /** The run has ended, or (`cut`) has become too large. */
  | { type: 'done'; id: number; summary: Summary; elapsed: number; cut: boolean }
  /** The second run has ended, too: I4. */
  | { type: 'again'; id: number; digest: string; same: boolean }
  | { type: 'mermaid'; id: number; text: string }
  /** `broken`: the worker itself cannot be used any more. */
  | { type: 'error'; id: number; message: string; broken: boolean };
