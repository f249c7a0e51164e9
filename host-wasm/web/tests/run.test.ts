import { describe, expect, it } from 'vitest';
import { toColumns } from '../src/run/columns';
import { NONE } from '../src/run/messages';
import { countsAt, countsOver, momentOf, standingAt } from '../src/run/moment';
import { Run } from '../src/run/run';
import { firstAfter, firstAtLeast, lastUpTo } from '../src/run/search';
import { nextChange, nextEvent, previousChange, previousEvent } from '../src/run/steps';
import { CAST, LINES, runOf, text } from './lines';

describe('search', () => {
  it('finds the edges of equal numbers', () => {
    const numbers = [1, 3, 3, 3, 7];
    expect(firstAtLeast(numbers, 3)).toBe(1);
    expect(firstAfter(numbers, 3)).toBe(4);
    expect(lastUpTo(numbers, 0)).toBe(-1);
    expect(lastUpTo(numbers, 100)).toBe(4);
    expect(firstAfter(numbers, 3, 2)).toBe(2);
  });
});

describe('a run', () => {
  it('is the same whatever pieces the log comes in', () => {
    const whole = runOf();
    for (const piece of [1, 2, 5]) {
      const pieces = runOf(LINES, piece);
      expect(pieces.count).toBe(whole.count);
      expect(pieces.log()).toBe(whole.log());
      expect([...pieces.messages.fate.slice(0, pieces.messages.count)]).toEqual([
        ...whole.messages.fate.slice(0, whole.messages.count),
      ]);
      for (let event = 0; event < whole.count; event++) expect(pieces.line(event)).toEqual(LINES[event]);
    }
  });

  it('ends where the cast says, until it is known better', () => {
    const run = new Run(CAST);
    expect(run.end).toBe(120_000);
    run.append(toColumns(text(LINES)), 41_000);
    expect(run.end).toBe(120_000);
    run.finish(90_000);
    expect(run.end).toBe(90_000);
  });

  it('grows far beyond its first size', () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => ({ at: i, event: 'standing', client: i % 7, is: i % 2 ? 'LATE' : 'ONLINE' }));
    const run = runOf(lines, 700);
    expect(run.count).toBe(3_000);
    expect(run.at[2_999]).toBe(2_999);
    expect(run.lanes).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('says which line is missing', () => {
    expect(() => runOf([]).line(0)).toThrow('there is no event 0');
  });
});

describe('messages', () => {
  const { messages } = runOf();

  it('know their answers', () => {
    const pulse = messages.index(2);
    expect(messages.answered[pulse]).toBe(5);
    expect(messages.code[pulse]).toBe(1020);
    expect(messages.index(3)).toBe(messages.replyTo(pulse));
    expect(messages.arrives[messages.replyTo(pulse)]).toBe(3_080);
  });

  it('know whether they got there', () => {
    expect(messages.reached(messages.index(2))).toBe(true);
    expect(messages.reached(messages.index(4))).toBe(false);
    // The NAT had no mapping any more.
    expect(messages.reached(messages.index(6))).toBe(false);
    expect(messages.index(999)).toBe(NONE);
  });
});

describe('a scenario without a network', () => {
  const lines = [
    { at: 0, event: 'action', index: 0 },
    { at: 0, event: 'answered', message: 0, client: 3, status: 200, body: { ok: true } },
    { at: 0, event: 'standing', client: 3, is: 'ONLINE' },
    { at: 500, event: 'action', index: 1 },
    { at: 500, event: 'answered', message: 1, client: null, dropped: 'wrong_length' },
  ];
  const run = new Run({ ...CAST, clients: [] }, [3]);
  run.append(toColumns(text(lines)), 500);

  it('has the lanes that occur', () => expect(run.lanes).toEqual([3]));

  it('knows which action was answered', () => {
    expect(run.actionOf(1)).toBe(0);
    expect(run.actionOf(4)).toBe(1);
    expect(run.messages.answered[run.messages.index(0)]).toBe(1);
  });
});

describe('a moment', () => {
  const run = runOf();

  it('has the standing from its very millisecond on', () => {
    expect(standingAt(run, 0, 39)).toBe('not registered');
    expect(standingAt(run, 0, 40)).toBe('ONLINE');
    expect(standingAt(run, 0, 34_039)).toBe('ONLINE');
    expect(standingAt(run, 0, 34_040)).toBe('LATE');
    expect(standingAt(run, 1, 34_040)).toBe('not registered');
  });

  it('says what was and what comes next', () => {
    const now = momentOf(run, 0, 35_050);
    expect(now.since).toBe(34_040);
    expect(now.next).toEqual({ standing: 'ONLINE', at: 41_000 });
    expect(now.pulse?.event).toBe(8);
    expect(now.answer?.line.code).toBe(1050);
    expect(now.accepted?.event).toBe(5);
    expect(now.doing).toBeNull();
    expect(momentOf(run, 0, 41_000).doing?.line.does).toBe('verifies');
  });

  it('counts clients by standing', () => {
    expect(countsAt(run, 34_040)).toMatchObject({ LATE: 1, 'not registered': 1, ONLINE: 0 });
    const over = countsOver(run, 120_000, 4);
    // ONLINE, PENDING, LATE, GONE, LEFT, not registered; at 15, 45, 75 and 105 s.
    expect(over).toEqual(Array.from({ length: 4 }, () => [1, 0, 0, 0, 0, 1]));
  });
});

describe('steps', () => {
  const run = runOf();

  it('visit every event forwards and backwards, also those of the same moment', () => {
    const forwards: number[] = [];
    let [time, event]: [number, number | null] = [0, null];
    for (;;) {
      const next = nextEvent(run, time, event);
      if (next === null) break;
      forwards.push(next);
      [time, event] = [run.at[next] as number, next];
    }
    expect(forwards).toEqual(LINES.map((_, i) => i));
    const backwards: number[] = [];
    for (;;) {
      const next = previousEvent(run, time, event);
      if (next === null) break;
      backwards.push(next);
      [time, event] = [run.at[next] as number, next];
    }
    expect(backwards).toEqual(LINES.map((_, i) => i).slice(0, -1).reverse());
  });

  it('begin after the present moment if no event of it is selected', () => {
    expect(nextEvent(run, 40, null)).toBe(4);
    // What has happened at this very moment is before it.
    expect(previousEvent(run, 40, null)).toBe(3);
    expect(previousEvent(run, 39, null)).toBe(1);
    expect(previousEvent(run, 0, null)).toBeNull();
    expect(nextEvent(run, 41_000, 3)).toBeNull();
  });

  it('lead from change to change', () => {
    expect(nextChange(run, 0, null)).toBe(3);
    expect(nextChange(run, 40, 3)).toBe(7);
    expect(nextChange(run, 35_000, 8)).toBe(16);
    expect(nextChange(run, 41_000, 16)).toBeNull();
    expect(previousChange(run, 41_000, 16)).toBe(7);
    expect(previousChange(run, 40, 3)).toBeNull();
    expect(previousChange(run, 40, null)).toBe(3);
    expect(previousChange(run, 120_000, null)).toBe(16);
  });
});
