import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WorkerLink } from '../src/worker/link';
import type { Report, Request } from '../src/worker/protocol';

/** Workers that do only what a test tells them. */
class StubWorker {
  static all: StubWorker[] = [];
  onmessage: ((event: { data: Report }) => void) | null = null;
  onerror: ((event: { message: string; preventDefault: () => void }) => void) | null = null;
  readonly asked: Request[] = [];
  ended = false;

  constructor() {
    StubWorker.all.push(this);
  }

  postMessage(request: Request): void {
    this.asked.push(request);
  }

  terminate(): void {
    this.ended = true;
  }

  says(report: Report): void {
    this.onmessage?.({ data: report });
  }
}

const worker = (i: number): StubWorker => StubWorker.all[i] as StubWorker;

describe('the link to the worker', () => {
  let reports: Report[];
  let link: WorkerLink;

  beforeEach(() => {
    StubWorker.all = [];
    vi.useFakeTimers();
    vi.stubGlobal('Worker', StubWorker);
    reports = [];
    link = new WorkerLink((report) => reports.push(report));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('starts no worker before there is something to run', () => {
    expect(StubWorker.all).toHaveLength(0);
    link.run('{}');
    expect(worker(0).asked).toEqual([{ type: 'run', id: 1, text: '{}' }]);
  });

  it('drops what an older run still says', () => {
    link.run('a');
    link.run('b');
    worker(0).says({ type: 'error', id: 1, message: 'old', broken: false });
    worker(0).says({ type: 'error', id: 2, message: 'new', broken: false });
    expect(reports).toEqual([{ type: 'error', id: 2, message: 'new', broken: false }]);
  });

  it('replaces a worker that is stuck', () => {
    link.run('a');
    worker(0).says({ type: 'received', id: 1 });
    link.run('b');
    vi.advanceTimersByTime(10_000);
    expect(worker(0).ended).toBe(true);
    expect(worker(1).asked).toEqual([{ type: 'run', id: 2, text: 'b' }]);
  });

  it('waits for a worker that has not been loaded yet', () => {
    link.run('a');
    vi.advanceTimersByTime(60_000);
    expect(StubWorker.all).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('uses another worker after a trap', () => {
    link.run('a');
    worker(0).says({ type: 'error', id: 1, message: 'unreachable', broken: true });
    expect(reports.at(-1)).toMatchObject({ message: 'unreachable' });
    link.run('b');
    expect(worker(0).ended).toBe(true);
    expect(worker(1).asked).toHaveLength(1);
  });

  it('reports a script that cannot be loaded', () => {
    link.run('a');
    worker(0).onerror?.({ message: '', preventDefault: () => undefined });
    expect(reports.at(-1)).toMatchObject({ type: 'error', id: 1, broken: true });
  });

  it('hands back Mermaid text, or why there is none', async () => {
    const text = link.mermaid('a');
    worker(0).says({ type: 'mermaid', id: 1, text: 'sequenceDiagram' });
    expect(await text).toBe('sequenceDiagram');
    const none = link.mermaid('b');
    worker(0).says({ type: 'error', id: 2, message: 'no scenario', broken: false });
    await expect(none).rejects.toThrow('no scenario');
    expect(reports).toEqual([]);
  });
});
