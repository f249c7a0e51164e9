// Marks that must not be missing: violations, and in a crowd the messages of the chosen client.

import { describe, expect, it } from 'vitest';
import { arrowOf, placeOf } from '../src/draw/arrows';
import { barTop, geometryFor } from '../src/draw/geometry';
import { drawLanes, drawOwn } from '../src/draw/lanes';
import { alarmsOf } from '../src/draw/overview';
import { pick } from '../src/draw/pick';
import { drawTop } from '../src/draw/top';
import { toColumns } from '../src/run/columns';
import { describe as rowOf, namesOf } from '../src/run/describe';
import { detailsOf } from '../src/run/facts';
import { Run } from '../src/run/run';
import { CAST, LINES, runOf, text } from './lines';

const SCALE = 0.01;

describe('a violation', () => {
  const lines = [
    ...LINES,
    { at: 42_000, event: 'violation', invariant: 'I5', says: 'a record has no deadline' },
    { at: 90_000, event: 'violation', invariant: 'I2', client: 1, says: 'the answer should be 1060' },
  ];
  const run = runOf(lines);

  it('is marked on the scrub bar, with its invariant and time', () => {
    const alarms = alarmsOf(run, run.end);
    expect(alarms.map(({ part, event, text }) => [part, event, text])).toEqual([
      [40_000 / 120_000, 14, 'I2 I5'],
      [90_000 / 120_000, 18, 'I2'],
    ]);
    expect(alarms.map(({ title }) => title)).toEqual([
      'I2, I5 are broken at 40.0 s, 2 times from here',
      'I2 is broken at 90.0 s',
    ]);
    expect(alarmsOf(runOf(LINES.slice(0, 14)), 120_000)).toEqual([]);
    // At the very end there has to be room for two.
    expect(alarmsOf(run, 92_000, 0.3)).toHaveLength(1);
  });

  it('is marked in the lane of its client, with a word, and nowhere else', () => {
    const geometry = geometryFor(2);
    const shapes = drawLanes({ run, geometry, scale: SCALE, index: 0, lanes: [0, 2] });
    const word = shapes.texts.find(({ style }) => style === 'alarm-text');
    expect(word?.text).toBe('I2 broken');
    expect(word?.x).toBeCloseTo(40_000 * SCALE + 9);
    expect(word?.y).toBeGreaterThan(barTop(geometry, 0));
    expect(word?.y).toBeLessThan(barTop(geometry, 0) + geometry.bar);
    expect(shapes.paths.map(({ style }) => style)).toEqual(expect.arrayContaining(['violation', 'violated']));
    const before = drawLanes({ run: runOf(LINES.slice(0, 14)), geometry, scale: SCALE, index: 0, lanes: [0, 2] });
    expect(before.paths.map(({ style }) => style)).not.toContain('violation');
  });

  it('is marked above the lanes, too', () => {
    expect(drawTop({ run, scale: SCALE, index: 1 }).texts.filter(({ style }) => style === 'alarm-text')).toMatchObject([
      { text: 'I2' },
    ]);
  });
});

describe('the chosen client of a crowd', () => {
  const run = runOf();
  const geometry = geometryFor(50);
  const message = run.messages.index(2);

  it('has arrows from its lane to wherever the server is, the others have stubs', () => {
    const own = { client: 0, top: 5 };
    expect(placeOf(run, geometry, SCALE, message, own)).toMatchObject({ y1: geometry.gap, y2: 5 });
    expect(placeOf(run, geometry, SCALE, run.messages.replyTo(message), own)).toMatchObject({ y1: 5, y2: geometry.gap });
    const lost = placeOf(run, geometry, SCALE, run.messages.index(4), own);
    expect(lost?.y2).toBeGreaterThan(5);
    expect(lost?.y2).toBeLessThan(geometry.gap);
    expect(placeOf(run, geometry, SCALE, message, { client: 1, top: 5 })).toEqual(arrowOf(run, geometry, SCALE, message));
  });

  it('has none when its lane is scrolled away', () => {
    expect(placeOf(run, geometry, SCALE, message, { client: 0, top: 40 })).toBeNull();
  });

  it('is drawn apart from the crowd, and labelled', () => {
    const lanes = [0, 2] as const;
    const tile = { run, geometry, scale: SCALE, index: 0, lanes };
    expect(drawOwn({ ...tile, own: { client: 0, top: 0 } }).texts.map(({ text }) => text)).toContain('1050');
    expect(drawOwn({ ...tile, own: { client: 1, top: 0 } }).paths).toEqual([]);
    const styles = drawLanes({ ...tile, without: 0 }).paths.map(({ style }) => style);
    expect(styles.some((style) => style.startsWith('arrow-'))).toBe(false);
    expect(styles).toContain('span-ONLINE');
  });

  it('can be picked along the whole arrow', () => {
    const run = new Run({ ...CAST, clients: [] }, Array.from({ length: 50 }, (_, i) => i));
    const sent = { at: 1_000, event: 'sent', message: 0, from: 30, to: 'server', carries: { kind: 'probe' }, source: 'a', destination: 'b' };
    run.append(toColumns(text([{ ...sent, arrives: 1_040 }])), 2_000);
    expect(pick(run, geometry, SCALE, 10, 200)).toBe(-1);
    expect(pick(run, geometry, SCALE, 10, 200, { client: 30, top: 0 })).toBe(0);
  });
});

describe("a datagram that is nobody's", () => {
  const way = { source: '192.0.2.7:4000', destination: '203.0.113.1:5024' };
  const run = runOf([
    { at: 0, event: 'sent', message: 0, from: null, to: 'server', carries: { kind: 'noise', length: 3, hex: '010203' }, ...way, arrives: 0 },
    { at: 0, event: 'answered', message: 0, client: null, dropped: 'wrong_length' },
    { at: 5, event: 'sent', message: 1, from: null, to: 'server', carries: { kind: 'pulse', key_of: 1 }, ...way, arrives: 5 },
    {
      at: 5, event: 'answered', message: 1, client: 1, code: 1060, bytes: '0424',
      reply: { message: 2, to: null, destination: way.source, arrives: null, lost: 'direct' },
    },
    { at: 9, event: 'sent', message: 3, from: 0, to: 'server', carries: { kind: 'pulse', key_of: 0 }, ...way, source: 'direct', arrives: 9 },
  ]);

  it('is no message of the first client', () => {
    expect(run.messages.from[run.messages.index(0)]).toBeLessThan(0);
    expect(run.of(0).pulses.length).toBe(1);
    expect(run.lanes).toEqual([0, 1]);
  });

  it('has its source for a name, and can be drawn and described', () => {
    const name = namesOf(run);
    expect(rowOf(run, 0, null, name)).toMatchObject({ from: '192.0.2.7:4000', to: 'server', answer: 'none' });
    for (let event = 0; event < run.count; event++) expect(detailsOf(run, event, null, name).length).toBeGreaterThan(2);
    const shapes = drawLanes({ run, geometry: geometryFor(2), scale: 1, index: 0, lanes: [0, 2] });
    expect(shapes.paths.map(({ d }) => d).join()).not.toContain('NaN');
  });
});
