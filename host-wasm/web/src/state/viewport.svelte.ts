// Which part of the run the drawing shows.

import { MAX_SPAN, MIN_SPAN } from '../draw/axis';

/** Where the play head stands while the drawing follows it, as a part of the width. */
const HEAD_AT = 0.62;
/** How much is left free before the beginning, in pixels. */
const MARGIN = 12;
export const USUAL_SPAN = 60_000;

export class Viewport {
  /** How many milliseconds the drawing is wide. */
  span = $state(USUAL_SPAN);
  /** How wide it is in pixels. */
  width = $state(800);
  /** Whether it follows the play head. */
  follow = $state(true);
  /** Where it begins if it does not. */
  fixed = $state(0);
  /** Where it begins. */
  readonly from: number = $derived.by(() => (this.follow ? this.following(this.time(), this.end()) : this.fixed));
  /** Pixels per millisecond. */
  readonly scale: number = $derived.by(() => this.width / this.span);

  constructor(
    private readonly time: () => number,
    private readonly end: () => number,
    /** Whether the system asks for no motion: then pages are turned. */
    private readonly still: () => boolean,
  ) {}

  private following(time: number, end: number): number {
    const start = -MARGIN / this.scale;
    if (this.still()) {
      const page = this.span * 0.9;
      return Math.max(start, Math.floor(time / page) * page - this.span * 0.05);
    }
    const latest = Math.max(start, end - this.span - start);
    return Math.min(Math.max(start, time - HEAD_AT * this.span), latest);
  }

  /** Makes sure that a moment is in sight. */
  reveal(time: number): void {
    if (this.follow) return;
    if (time < this.fixed || time > this.fixed + this.span) this.follow = true;
  }

  panBy(pixels: number): void {
    this.fixed = this.clamp(this.from + pixels / this.scale);
    this.follow = false;
  }

  /** Zooms so that what is at pixel `x` stays there; without, the play head stays. */
  zoom(factor: number, x?: number): void {
    const span = Math.min(MAX_SPAN, Math.max(MIN_SPAN, this.span / factor));
    if (this.follow) {
      this.span = span;
      return;
    }
    const at = x ?? this.width / 2;
    const moment = this.from + at / this.scale;
    this.span = span;
    this.fixed = this.clamp(moment - at / this.scale);
  }

  /** Shows the whole run. */
  fit(): void {
    this.span = Math.max(MIN_SPAN, this.end() * 1.04);
    this.follow = true;
  }

  private clamp(from: number): number {
    return Math.min(Math.max(from, -this.span * 0.5), Math.max(0, this.end() - this.span * 0.5));
  }
}
