// Where things are in the drawing, in CSS pixels. Time runs to the right; the server is on top, the clients below it.

/** Up to so many clients the arrows reach from lane to lane; more of them would only cross each other. */
export const MOST_FULL = 12;

export interface Geometry {
  /** Whether arrows are drawn from lane to lane, or only as stubs at the client's lane. */
  full: boolean;
  /** A lane is a gap for arrows, the bar with the standing, and room for marks. */
  gap: number;
  bar: number;
  below: number;
}

export const TILE = 512;

/** The part above the clients' lanes. */
export const TOP = { axis: 24, marks: 18, bar: 20, height: 62 } as const;

export function geometryFor(lanes: number): Geometry {
  if (lanes <= 2) return { full: true, gap: 84, bar: 24, below: 20 };
  if (lanes <= 4) return { full: true, gap: 56, bar: 24, below: 20 };
  if (lanes <= 8) return { full: true, gap: 36, bar: 22, below: 18 };
  if (lanes <= MOST_FULL) return { full: true, gap: 28, bar: 20, below: 16 };
  return { full: false, gap: 18, bar: 18, below: 8 };
}

export const laneHeight = (geometry: Geometry): number => geometry.gap + geometry.bar + geometry.below;

export const lanesHeight = (geometry: Geometry, lanes: number): number => Math.max(1, lanes) * laneHeight(geometry);

/** The upper edge of a lane's bar, counted from the lower edge of the server's. */
export const barTop = (geometry: Geometry, lane: number): number => lane * laneHeight(geometry) + geometry.gap;

/** The lane at this height, which may be outside of all. */
export const laneAt = (geometry: Geometry, y: number): number => Math.floor(y / laneHeight(geometry));
