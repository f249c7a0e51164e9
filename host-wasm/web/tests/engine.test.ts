import { describe, expect, it } from 'vitest';
import { Run } from '../src/run/run';
import { standingAt } from '../src/run/moment';
import { Engine, type Simulation } from '../src/worker/engine';
import type { Report } from '../src/worker/protocol';
import { FakeSimulation } from './fake';

const SCENARIO = JSON.stringify({
  version: 1,
  setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 } },
  clients: [{ name: 'Ann' }, { name: 'Bob', count: 30 }],
  actions: [{ do: 'until', at: 60_000 }, { do: 'lose', client: 0, way: 'up', datagrams: 3 }, { do: 'until', at: 600_000 }],
});

function engine(open: (text: string) => Simulation = (text) => new FakeSimulation(text), maxLines?: number) {
  const reports: Report[] = [];
  const post = (report: Report): number => reports.push(report);
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
  return { reports, engine: new Engine({ open, post, pause, ...(maxLines ? { maxLines } : {}) }) };
}

const of = (reports: Report[], id: number): string[] => reports.filter((report) => report.id === id).map(({ type }) => type);

describe('the engine', () => {
  it('hands over a whole run, and compares a second one', async () => {
    const { engine: one, reports } = engine();
    await one.run(1, SCENARIO);
    expect(reports.map(({ type }) => type)).toEqual(['cast', ...of(reports, 1).filter((type) => type === 'chunk'), 'done', 'again']);
    const cast = reports[0];
    if (cast?.type !== 'cast') throw new Error('no cast');
    const run = new Run(cast.cast);
    for (const report of reports) if (report.type === 'chunk') run.append(report.columns, report.elapsed);
    expect(run.log().split('\n').length - 1).toBe(run.count);
    expect(standingAt(run, 0, 120_000)).toBe('LATE');
    expect(standingAt(run, 1, 120_000)).toBe('ONLINE');
    expect(reports.at(-1)).toMatchObject({ type: 'again', same: true });
  });

  it('notices when the same scenario gives another log', async () => {
    let runs = 0;
    const { engine: one, reports } = engine((text) => {
      const simulation = new FakeSimulation(text);
      const digest = `${++runs}`;
      const summary = simulation.summary.bind(simulation);
      simulation.summary = () => JSON.stringify({ ...JSON.parse(summary()), digest });
      return simulation;
    });
    await one.run(1, SCENARIO);
    expect(reports.at(-1)).toEqual({ type: 'again', id: 1, digest: '2', same: false });
  });

  it('stops where a browser would get into trouble', async () => {
    const { engine: one, reports } = engine(undefined, 200);
    await one.run(1, SCENARIO);
    const done = reports.find(({ type }) => type === 'done');
    expect(done).toMatchObject({ cut: true });
    expect(reports.at(-1)).toMatchObject({ type: 'again', same: true });
  });

  it('gives up an older scenario for a newer one', async () => {
    const { engine: one, reports } = engine();
    const older = one.run(1, SCENARIO);
    await Promise.all([older, one.run(2, SCENARIO)]);
    expect(of(reports, 1)).not.toContain('again');
    expect(of(reports, 2).at(-1)).toBe('again');
  });

  it('says why a scenario is none', async () => {
    const { engine: one, reports } = engine();
    await one.run(1, SCENARIO.replace('"version":1', '"version":2'));
    expect(reports).toEqual([{ type: 'error', id: 1, message: 'unknown version, at line 2 column 14', broken: false }]);
  });

  it('reports a trap, and that nothing can be done with the wasm any more', async () => {
    const { engine: one, reports } = engine((text) => {
      const simulation = new FakeSimulation(text);
      simulation.run = () => {
        throw new WebAssembly.RuntimeError('unreachable');
      };
      return simulation;
    });
    await one.run(1, SCENARIO);
    expect(reports.at(-1)).toEqual({ type: 'error', id: 1, message: 'unreachable', broken: true });
  });

  it('counts checks while it goes', async () => {
    const { engine: one, reports } = engine();
    await one.run(1, SCENARIO);
    const samples = reports.flatMap((report) => (report.type === 'chunk' ? report.samples : []));
    expect(samples.length).toBeGreaterThan(5);
    expect(samples.map(({ at }) => at)).toEqual(samples.map(({ at }) => at).sort((a, b) => a - b));
  });
});
