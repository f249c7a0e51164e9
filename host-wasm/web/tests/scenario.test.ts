import { describe, expect, it } from 'vitest';
import { fromBase64url, pack, toBase64url, unpack } from '../src/scenario/codec';
import { moved, namedClients, valueAt, withValue } from '../src/scenario/edit';
import { insertAt } from '../src/scenario/insert';
import { presetHash, readHash, scenarioHash } from '../src/scenario/link';
import { natName, natNamed } from '../src/scenario/nats';
import { presetOf, presetsFrom } from '../src/scenario/presets';
import { lineRange, locate, parse, toText } from '../src/scenario/text';
import type { Action, Scenario } from '../src/scenario/types';

const scenario = (actions: Action[]): Scenario => ({
  version: 1,
  title: 'A test – with ünusual letters',
  setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 }, seed: 7 },
  clients: [{ name: 'Ann' }],
  actions,
});

const POKE: Action = { do: 'lose', client: 0, way: 'up', datagrams: 1 };

describe('inserting at a moment', () => {
  const long = scenario([{ do: 'until', at: 60_000 }, { do: 'rebind', client: 0 }, { do: 'advance', millis: 30_000 }]);
  const times = { at: [0, 60_000, 60_000], end: 90_000 };

  it('splits an until', () => {
    expect(insertAt(long, times, 31_000, POKE).actions).toEqual([
      { do: 'until', at: 31_000 },
      POKE,
      { do: 'until', at: 60_000 },
      { do: 'rebind', client: 0 },
      { do: 'advance', millis: 30_000 },
    ]);
  });

  it('splits an advance, so that it ends when it did', () => {
    expect(insertAt(long, times, 70_000.7, POKE).actions.slice(2)).toEqual([
      { do: 'until', at: 70_000 },
      POKE,
      { do: 'until', at: 90_000 },
    ]);
  });

  it('comes after everything that happened at that very moment', () => {
    expect(insertAt(long, times, 60_000, POKE).actions).toEqual([
      { do: 'until', at: 60_000 },
      { do: 'rebind', client: 0 },
      POKE,
      { do: 'until', at: 90_000 },
    ]);
  });

  it('comes first at the beginning', () => {
    expect(insertAt(long, times, 0, POKE).actions.slice(0, 2)).toEqual([POKE, { do: 'until', at: 60_000 }]);
    expect(insertAt(scenario([]), { at: [], end: 0 }, 0, POKE).actions[0]).toEqual(POKE);
  });

  it('goes on for a while after the end, so that there is something to see', () => {
    expect(insertAt(long, times, 90_000, POKE).actions.slice(3)).toEqual([POKE, { do: 'until', at: 150_000 }]);
  });

  it('waits for what cannot be interrupted', () => {
    const stall = scenario([{ do: 'stall', millis: 5_000 }, { do: 'until', at: 20_000 }]);
    expect(insertAt(stall, { at: [0, 5_000], end: 20_000 }, 2_000, POKE).actions).toEqual([
      { do: 'stall', millis: 5_000 },
      POKE,
      { do: 'until', at: 20_000 },
    ]);
  });

  it('leaves the scenario itself alone', () => {
    const before = JSON.stringify(long);
    insertAt(long, times, 31_000, POKE);
    expect(JSON.stringify(long)).toBe(before);
  });
});

describe('the text', () => {
  it('says the same as the scenario', () => {
    const text = toText(scenario([{ do: 'until', at: 1 }, POKE]));
    expect(parse(text)).toEqual(scenario([{ do: 'until', at: 1 }, POKE]));
    expect(text).toContain('\n    { "do": "until", "at": 1 },\n');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it('is not taken for a scenario if it is none', () => {
    for (const text of ['', '{', '[]', 'null', '{"setup":{}}', '{"setup":{"timing":{}},"actions":[null]}']) {
      expect(parse(text)).toBeNull();
    }
  });

  it('has its mistakes located', () => {
    const text = '{\n  "version": 2\n}';
    expect(locate('unknown version 2 at line 2 column 14', text)).toEqual({
      reason: 'unknown version 2',
      line: 2,
      column: 14,
      quote: '  "version": 2',
    });
    expect(locate('the seed is too large', text)).toEqual({ reason: 'the seed is too large', line: null, column: null, quote: '' });
    expect(lineRange(text, 2)).toEqual([2, 16]);
  });
});

describe('links', () => {
  const text = toText(scenario([{ do: 'until', at: 60_000 }]));

  it('bring back the same scenario and view', async () => {
    const view = { time: 31_000, speed: 0.1, span: 12_345.68, from: 3, client: 0, event: 42 };
    const opened = await readHash(await scenarioHash(text, view));
    expect(JSON.parse(opened.text ?? '')).toEqual(JSON.parse(text));
    expect(opened.view).toEqual(view);
  });

  it('may hold plain JSON, or the name of a preset', async () => {
    const plain = toBase64url(new TextEncoder().encode(text));
    expect(await readHash(`#j=${plain}`)).toEqual({ text, view: {} });
    expect(await readHash(presetHash('01 on/time', { time: 5 }))).toEqual({ preset: '01 on/time', view: { time: 5 } });
    expect(await readHash('')).toEqual({ view: {} });
  });

  it('ignore views that make no sense', async () => {
    expect((await readHash('#preset=a&t=-1&x=abc&e=&c=1e999')).view).toEqual({});
  });

  it('say so when they are damaged', async () => {
    const packed = await pack(text);
    await expect(readHash(`#s=${packed.slice(0, 20)}`)).rejects.toThrow('damaged');
    await expect(readHash('#s=***')).rejects.toThrow('damaged');
    await expect(readHash('#j=_w')).rejects.toThrow('damaged');
  });

  it('cannot fill the memory', async () => {
    await expect(unpack(await pack(' '.repeat(8 * 1024 * 1024)))).rejects.toThrow('too long');
  });

  it('are written in letters that an address may hold', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(toBase64url(bytes)).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(fromBase64url(toBase64url(bytes))).toEqual(bytes);
  });
});

describe('edits', () => {
  const tree = scenario([POKE]);

  it('change one value and nothing else', () => {
    const edited = withValue(tree, ['link', 'delay'], 40);
    expect(edited.link).toEqual({ delay: 40 });
    expect(tree.link).toBeUndefined();
    expect(withValue(edited, ['link', 'delay'], undefined).link).toEqual({});
    expect(withValue(tree, ['actions', 0, 'datagrams'], 3).actions[0]).toEqual({ ...POKE, datagrams: 3 });
    expect(valueAt(tree, ['actions', 0, 'way'])).toBe('up');
    expect(valueAt(tree, ['nothing', 'there'])).toBeUndefined();
  });

  it('move items', () => expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']));

  it('find the clients that actions name', () => {
    expect(namedClients([{ client: 4, peer: 1 }, { do: 'tick' }, { client: null }, POKE])).toEqual([0, 1, 4]);
  });

  it('know NATs by name, and keep what else is set', () => {
    const symmetric = natNamed('symmetric', { idle: 30_000 });
    expect(symmetric?.idle).toBe(30_000);
    expect(natName(symmetric)).toBe('symmetric');
    expect(natName(undefined)).toBe('none');
    expect(natName({ mapping: 'address_dependent', filtering: 'address_dependent' })).toBe('other');
    expect(natNamed('none', symmetric)).toBeUndefined();
  });
});

describe('presets', () => {
  const one = JSON.stringify(scenario([POKE]));
  const presets = presetsFrom({ '../presets/02-b.json': one, '../presets/01-a.json': '{"version":1,"setup":{"timing":{}},"actions":[]}', '../presets/03-c.json': 'broken' });

  it('are ordered by file name, and broken ones are left out', () => {
    expect(presets.map(({ name, title }) => [name, title])).toEqual([
      ['01-a', '01-a'],
      ['02-b', 'A test – with ünusual letters'],
    ]);
  });

  it('are recognised', () => {
    expect(presetOf(presets, JSON.parse(one) as Scenario)?.name).toBe('02-b');
    expect(presetOf(presets, scenario([]))).toBeUndefined();
    expect(presetsFrom({})).toEqual([]);
  });
});
