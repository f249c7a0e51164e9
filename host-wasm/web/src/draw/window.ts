// Which tiles and lanes have to be there. Everything else of the drawing does not exist.

import type { Run } from '../run/run';
import { type Geometry, laneHeight, TILE } from './geometry';

/** Lanes come and go so many at a time, so that scrolling seldom draws anything. */
const LANES_AT_ONCE = 8;
/** Messages may hang over into the tiles after their own; further ones are cut off. */
const MOST_BEHIND = 3;

/** The first and the last tile in sight, and before them those that arrows hang over from. */
export function tilesInSight(run: Run, geometry: Geometry, scale: number, from: number, span: number): number[] {
  const first = Math.floor((from * scale) / TILE);
  const last = Math.floor(((from + span) * scale) / TILE);
  const longest = Math.max(run.messages.longest, 200);
  const behind = geometry.full ? Math.min(MOST_BEHIND, Math.ceil((longest * scale) / TILE)) : 1;
  const start = Math.max(-1, first - behind);
  return Array.from({ length: Math.max(0, last - start + 1) }, (_, i) => start + i);
}

/** The lanes in sight, from and up to but without, of a part of the page that is scrolled. */
export function lanesInSight(geometry: Geometry, lanes: number, scrolled: number, height: number): [number, number] {
  if (geometry.full) return [0, lanes];
  const tall = laneHeight(geometry) * LANES_AT_ONCE;
  const first = Math.max(0, Math.floor(scrolled / tall) - 1) * LANES_AT_ONCE;
  const last = (Math.ceil((scrolled + height) / tall) + 1) * LANES_AT_ONCE;
  return [Math.min(first, lanes), Math.min(last, lanes)];
}

/** Names a tile by everything that it shows. A tile whose part of the run is known for good does not change any more. */
export function tileKey(run: Run, version: number, scale: number, index: number, lanes: readonly [number, number]): string {
  const complete = run.done || run.loaded > ((index + 1) * TILE) / scale + run.messages.longest;
  return `${run.id} ${index} ${scale} ${lanes[0]}-${lanes[1]} ${run.lanes.length} ${complete ? '' : version}`;
}
