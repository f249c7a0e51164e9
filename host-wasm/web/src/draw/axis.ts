// The scale of time: how far one can zoom, and where the ticks are.

/** The least and most milliseconds that the drawing shows at once. */
export const MIN_SPAN = 200;
export const MAX_SPAN = 30 * 24 * 3_600_000;

const STEPS = [
  10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
  3_600_000, 7_200_000, 21_600_000, 86_400_000, 604_800_000,
];

/** The distance of ticks that are at least `apart` pixels from each other. */
export function tickStep(pixelsPerMs: number, apart = 84): number {
  return STEPS.find((step) => step * pixelsPerMs >= apart) ?? 2_592_000_000;
}

export function tickLabel(at: number, step: number): string {
  if (step >= 600_000) {
    const minutes = Math.round(at / 60_000);
    return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60 ? `${minutes % 60} min` : ''}`.trim() : `${minutes} min`;
  }
  const digits = step >= 1_000 ? 0 : step >= 100 ? 1 : 2;
  return `${(at / 1000).toFixed(digits)} s`;
}

export const ticks = (from: number, to: number, step: number): number[] => {
  const found: number[] = [];
  for (let at = Math.ceil(Math.max(0, from) / step) * step; at < to; at += step) found.push(at);
  return found;
};
