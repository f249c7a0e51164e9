import { describe, expect, it } from 'vitest';
import { concerns, describe as rowOf, namesOf, sentence } from '../src/run/describe';
import { detailsOf } from '../src/run/facts';
import { verdictsAt } from '../src/run/invariants';
import { actionInWords, roundSeconds, seconds } from '../src/run/words';
import type { Action, Scenario } from '../src/scenario/types';
import { runOf } from './lines';

const run = runOf();
const name = namesOf(run);
const scenario: Scenario = {
  version: 1,
  setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 } },
  actions: [{ do: 'until', at: 120_000 }],
};
const row = (event: number) => rowOf(run, event, scenario, name);

describe('times', () => {
  it('show milliseconds only where there are any', () => {
    expect(seconds(31_000)).toBe('31.0 s');
    expect(seconds(30_999)).toBe('30.999 s');
    expect(roundSeconds(240_000)).toBe('240 s');
    expect(roundSeconds(1_500)).toBe('1.5 s');
  });
});

describe('rows', () => {
  it('tell of messages and what became of them', () => {
    expect(row(0)).toMatchObject({ from: 'scenario', what: 'time passes until 120 s' });
    expect(row(1)).toMatchObject({ from: 'Ann', to: 'server', what: 'POST /register', answer: '200', tone: 'ok' });
    expect(row(5)).toMatchObject({ from: 'server', to: 'Ann', what: 'answer to pulse', answer: '1020', tone: 'ok' });
    expect(row(6)).toMatchObject({ what: 'pulse', answer: 'lost in a burst', tone: 'lost' });
    expect(row(9)).toMatchObject({ answer: '1050', tone: 'late' });
    expect(row(10)).toMatchObject({ from: 'server', to: 'Ann', answer: 'no mapping' });
  });

  it('tell of standings, the server, the network and violations', () => {
    expect(row(7)).toMatchObject({ from: 'Ann', what: 'is LATE' });
    expect(row(11)).toMatchObject({ from: 'server', what: 'stops: for 2 s' });
    expect(row(13)).toMatchObject({ from: 'network of Ann', what: 'rebinds' });
    expect(row(14)).toMatchObject({ tone: 'bad', what: 'I2 is broken: the answer should be 1020' });
    expect(sentence(row(5))).toBe('server to Ann, answer to pulse, 1020');
  });

  it('name clients without a name by their number', () => expect(name(1)).toBe('client 1'));

  it('know whom they are about', () => {
    expect(concerns(run, 10, 0)).toBe(true);
    expect(concerns(run, 10, 1)).toBe(false);
    expect(concerns(run, 11, 0)).toBe(false);
  });
});

describe('details', () => {
  const value = (event: number, what: string): string | undefined =>
    detailsOf(run, event, scenario, name).find((detail) => detail.name === what)?.value;

  it('hold the raw bytes and the body', () => {
    expect(value(5, 'bytes')).toBe('03 fc');
    expect(JSON.parse(value(2, 'body') ?? '')).toEqual({ ok: true });
    expect(value(2, 'HTTP status')).toBe('200');
  });

  it('say when it arrives', () => {
    expect(value(4, 'arrives')).toBe('3.040 s, 40 ms later');
    expect(value(6, 'arrives')).toBe('never');
    expect(value(9, 'fate')).toBe('no mapping');
  });
});

describe('invariants', () => {
  const samples = [
    { at: 0, checks: [0, 0, 0, 0, 0, 0, 0] },
    { at: 35_000, checks: [1, 20, 3, 0, 5, 6, 7] },
  ];

  it('hold until they are broken', () => {
    expect(verdictsAt(run, samples, 39_999)[1]).toEqual({ number: 2, broken: null, checks: 20 });
    expect(verdictsAt(run, samples, 40_000)[1]?.broken).toEqual({ event: 14, at: 40_000, times: 1 });
    expect(verdictsAt(run, samples, 10)[1]?.checks).toBe(0);
    expect(verdictsAt(run, [], 10)[0]?.checks).toBe(0);
  });
});

describe('actions', () => {
  it('have words, each of them', () => {
    const actions: Action[] = [
      { do: 'lose', client: 0, way: 'up', datagrams: 3 },
      { do: 'command', client: 0, command: { look_up: 1 } },
      { do: 'advance', millis: -5_000 },
      { do: 'restart', down: 2_000, rebooted: false },
      { do: 'crash', down: 1_500, rebooted: false, unwritten: 1_000 },
      { do: 'status', client: 0, peer: null },
    ];
    expect(actions.map((action) => actionInWords(action, name))).toEqual([
      'the next 3 datagrams from Ann will be lost',
      'Ann is told: look up client 1',
      'the clock jumps back by 5 s',
      'the server restarts, down for 2 s',
      'the server is killed, down for 1.5 s',
      'Ann asks for the status of nobody',
    ]);
    expect(actionInWords({ do: 'unheard of' } as unknown as Action, name)).toBe('an action');
  });
});
