// The play head. While it stands still, nothing runs: no timer, no animation frame.

export const SPEEDS = [0.1, 1, 10, 100, 1000] as const;

/** How often panels beside the drawing follow the play head, in milliseconds. */
const PANEL_INTERVAL = 120;
/** After a pause of the browser itself the play head goes on from where it was. */
const LONGEST_FRAME = 250;

export class Player {
  /** The time of the play head in virtual milliseconds; between whole ones only while playing. */
  time = $state(0);
  /** The same, whole and less often: for everything that is too much work for every frame. */
  shown = $state(0);
  playing = $state(false);
  speed = $state(10);
  /** How many animation frames were handled. */
  frames = 0;

  private request = 0;
  private last = 0;
  private panels = 0;

  /** `limit` is how far the run is known, `done` whether that is its end. */
  constructor(
    private readonly limit: () => number,
    private readonly done: () => boolean,
  ) {}

  play(): void {
    if (this.playing) return;
    if (this.done() && this.time >= this.limit()) this.seek(0);
    this.playing = true;
    this.last = 0;
    this.request = requestAnimationFrame(this.frame);
  }

  pause(): void {
    if (!this.playing) return;
    cancelAnimationFrame(this.request);
    this.playing = false;
    this.seek(Math.floor(this.time));
  }

  seek(time: number): void {
    this.time = Math.max(0, time);
    this.shown = Math.floor(this.time);
  }

  private readonly frame = (now: number): void => {
    this.frames++;
    const passed = this.last === 0 ? 0 : Math.min(now - this.last, LONGEST_FRAME);
    this.last = now;
    const limit = this.limit();
    this.time = Math.min(this.time + passed * this.speed, Math.max(limit, this.time));
    if (this.done() && this.time >= limit) {
      this.time = limit;
      this.pause();
      return;
    }
    if (now - this.panels >= PANEL_INTERVAL) {
      this.panels = now;
      this.shown = Math.floor(this.time);
    }
    this.request = requestAnimationFrame(this.frame);
  };
}
