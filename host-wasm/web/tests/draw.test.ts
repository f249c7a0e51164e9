import { describe, expect, it } from 'vitest';
import { arrowOf } from '../src/draw/arrows';
import { tickLabel, ticks, tickStep } from '../src/draw/axis';
import { escape, pictureOf } from '../src/draw/export-svg';
import { barTop, geometryFor, TILE } from '../src/draw/geometry';
import { drawLanes } from '../src/draw/lanes';
import { overview } from '../src/draw/overview';
import { pick } from '../src/draw/pick';
import { drawTop } from '../src/draw/top';
import { lanesInSight, tileKey, tilesInSight } from '../src/draw/window';
import { Run } from '../src/run/run';
import { toColumns } from '../src/run/columns';
import { CAST, runOf, text } from './lines';

const run = runOf();
const geometry = geometryFor(2);
const SCALE = 0.01;
const tile = (index: number, scale = SCALE) => drawLanes({ run, geometry, scale, index, lanes: [0, 2] });
const labels = (shapes: { texts: { text: string }[] }): string[] => shapes.texts.map(({ text }) => text);

describe('the scale', () => {
  it('has ticks that are far enough apart, at round times', () => {
    expect(tickStep(0.0166)).toBe(10_000);
    expect(ticks(-500, 2_500, 1_000)).toEqual([0, 1_000, 2_000]);
    expect(tickLabel(30_000, 10_000)).toBe('30 s');
    expect(tickLabel(30_950, 50)).toBe('30.95 s');
    expect(tickLabel(7_200_000, 3_600_000)).toBe('2 h');
  });
});

describe('a tile', () => {
  it('names standings and codes', () => {
    const shown = labels(tile(0, 0.0128));
    expect(shown).toContain('ONLINE');
    expect(shown).toContain('LATE');
    expect(shown).toContain('1050');
    expect(shown).toContain('register 200');
    // At another scale there is room for this one, too.
    expect(labels(tile(0, 0.05))).toContain('1020');
  });

  it('names the question, too, where there is room', () => {
    const close = drawLanes({ run, geometry, scale: 2, index: Math.floor((3_000 * 2) / TILE), lanes: [0, 2] });
    expect(labels(close)).toContain('pulse');
    expect(labels(close)).toContain('1020');
  });

  it('draws a lost message broken, with a cross', () => {
    const styles = tile(0).paths.map(({ style }) => style);
    expect(styles).toContain('arrow-lost');
    expect(styles).toContain('cross');
    const lost = arrowOf(run, geometry, SCALE, run.messages.index(4));
    expect(lost?.lost).toBe(true);
    expect(lost?.y2).toBeGreaterThan(0);
  });

  it('marks a violation above and in the lane', () => {
    expect(tile(0).paths.some(({ style }) => style === 'violation')).toBe(true);
    expect(labels(drawTop({ run, scale: SCALE, index: 0 }))).toContain('I2');
    expect(labels(drawTop({ run, scale: 0.08, index: 5 }))).toContain('server stops');
  });

  it('has few nodes, however much happens', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({
      at: i,
      event: 'sent',
      message: i,
      from: i % 50,
      to: 'server',
      carries: { kind: 'pulse', key_of: i % 50 },
      source: 'a',
      destination: 'b',
      arrives: i + 40,
    }));
    const crowd = new Run({ ...CAST, clients: [] }, Array.from({ length: 50 }, (_, i) => i));
    crowd.append(toColumns(text(many)), 20_000);
    const shapes = drawLanes({ run: crowd, geometry: geometryFor(50), scale: 0.02, index: 0, lanes: [0, 50] });
    expect(shapes.paths.length + shapes.texts.length).toBeLessThan(500);
  });
});

describe('picking', () => {
  it('finds the arrow under a point, and nothing where there is none', () => {
    const message = run.messages.index(2);
    const arrow = arrowOf(run, geometry, SCALE, message);
    if (!arrow) throw new Error('no arrow');
    const found = pick(run, geometry, SCALE, arrow.x1 + 1, (arrow.y1 + arrow.y2) / 2);
    expect([message, run.messages.replyTo(message)]).toContain(found);
    expect(pick(run, geometry, SCALE, 200, 40)).toBe(-1);
  });
});

describe('the window', () => {
  it('holds the tiles in sight, and those whose arrows hang over', () => {
    expect(tilesInSight(run, geometry, SCALE, 0, 60_000)).toEqual([-1, 0, 1]);
    expect(tilesInSight(run, geometry, SCALE, 60_000, 60_000)).toEqual([0, 1, 2]);
  });

  it('holds only the lanes in sight when there are many', () => {
    const many = geometryFor(1_000);
    const [from, to] = lanesInSight(many, 1_000, 20_000, 600);
    expect(to - from).toBeLessThan(60);
    expect(barTop(many, from)).toBeLessThan(20_000);
    expect(barTop(many, to)).toBeGreaterThan(20_600);
    expect(lanesInSight(geometry, 2, 0, 600)).toEqual([0, 2]);
  });

  it('draws a tile anew only while its part of the run is not known', () => {
    expect(tileKey(run, 1, SCALE, 0, [0, 2])).toBe(tileKey(run, 2, SCALE, 0, [0, 2]));
    const part = new Run(CAST);
    expect(tileKey(part, 1, SCALE, 0, [0, 2])).not.toBe(tileKey(part, 2, SCALE, 0, [0, 2]));
  });
});

describe('pictures', () => {
  it('hold all they need and nothing that could run', () => {
    const svg = pictureOf({
      run, geometry, scale: SCALE, from: 0, width: 600, lanes: [0, 2], time: 31_000,
      title: 'A <b>title</b> & more', css: '.tile{}', patterns: '<defs></defs>', background: '#fff', ink: '#000',
    });
    expect(svg).toContain('A &lt;b&gt;title&lt;/b&gt; &amp; more');
    expect(svg).toContain('>Ann<');
    expect(svg).toContain('1050');
    expect(svg).not.toMatch(/<script|href=/);
    expect(escape('"<&>')).toBe('&quot;&lt;&amp;&gt;');
  });

  it('show the whole run at a glance', () => {
    const bands = overview(run, 120, 10);
    expect(bands.map(({ standing }) => standing)).toEqual(['ONLINE', 'LATE', 'not-registered']);
  });
});
