import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Player } from '../src/state/player.svelte';
import { Viewport } from '../src/state/viewport.svelte';

describe('the player', () => {
  let frames: Map<number, (now: number) => void>;
  let asked = 0;
  let now = 0;

  beforeEach(() => {
    frames = new Map();
    [asked, now] = [0, 1_000];
    vi.stubGlobal('requestAnimationFrame', (frame: (now: number) => void) => {
      frames.set(++asked, frame);
      return asked;
    });
    vi.stubGlobal('cancelAnimationFrame', (id: number) => frames.delete(id));
  });
  afterEach(() => vi.unstubAllGlobals());

  /** Lets so many frames of 16 ms pass. */
  function pass(count: number): void {
    for (let i = 0; i < count; i++) {
      const due = [...frames.values()];
      frames.clear();
      now += 16;
      for (const frame of due) frame(now);
    }
  }

  it('goes as fast as it is told', () => {
    const player = new Player(() => 100_000, () => true);
    player.speed = 10;
    player.play();
    pass(11);
    expect(player.time).toBeCloseTo(1_600);
    expect(player.frames).toBe(11);
  });

  it('asks for no frame while it stands still', () => {
    const player = new Player(() => 100_000, () => true);
    expect(asked).toBe(0);
    player.play();
    pass(3);
    player.pause();
    expect(frames.size).toBe(0);
    const before = player.frames;
    pass(10);
    expect(player.frames).toBe(before);
    expect(Number.isInteger(player.time)).toBe(true);
    expect(player.shown).toBe(player.time);
  });

  it('stops at the end, and begins again from there', () => {
    const player = new Player(() => 500, () => true);
    player.speed = 100;
    player.play();
    pass(10);
    expect([player.time, player.playing, frames.size]).toEqual([500, false, 0]);
    player.play();
    expect(player.time).toBe(0);
  });

  it('waits for the run while that is still being made', () => {
    let known = 100;
    const player = new Player(() => known, () => false);
    player.speed = 100;
    player.play();
    pass(10);
    expect([player.time, player.playing]).toEqual([100, true]);
    known = 10_000;
    pass(2);
    expect(player.time).toBeGreaterThan(100);
  });

  it('does not leap after the browser has been away', () => {
    const player = new Player(() => 1e9, () => true);
    player.speed = 1;
    player.play();
    pass(1);
    now += 60_000;
    pass(1);
    expect(player.time).toBeLessThanOrEqual(250);
  });
});

describe('the viewport', () => {
  const made = (time: number, still = false): Viewport => {
    const view = new Viewport(() => time, () => 600_000, () => still);
    view.width = 600;
    view.span = 60_000;
    return view;
  };

  it('follows the play head, from the beginning to the end', () => {
    expect(made(0).from).toBeCloseTo(-1_200);
    expect(made(300_000).from).toBeCloseTo(300_000 - 0.62 * 60_000);
    expect(made(600_000).from).toBeCloseTo(600_000 - 60_000 + 1_200);
  });

  it('turns pages where motion is not wanted', () => {
    expect(made(300_000, true).from).toBe(made(301_000, true).from);
    expect(made(300_000, true).from).toBeLessThanOrEqual(300_000);
  });

  it('stays where it was put, until the play head would be out of sight', () => {
    const view = made(300_000);
    const before = view.from;
    view.panBy(60);
    expect(view.from).toBeCloseTo(before + 6_000);
    view.reveal(before + 10_000);
    expect(view.follow).toBe(false);
    view.reveal(0);
    expect(view.follow).toBe(true);
  });

  it('zooms around a point', () => {
    const view = made(300_000);
    view.panBy(0);
    const moment = view.from + 150 / view.scale;
    view.zoom(2, 150);
    expect(view.span).toBe(30_000);
    expect(view.from + 150 / view.scale).toBeCloseTo(moment);
    view.zoom(1e9);
    expect(view.span).toBe(200);
  });
});
