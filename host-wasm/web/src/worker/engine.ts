// Runs scenarios a piece at a time, so that a newer one can always take over. It knows nothing of wasm or of workers: the
// tests run it, too.

import { toColumns } from '../run/columns';
import type { Cast, Summary } from '../run/log';
import { MAX_LINES, type Report, type Sample } from './protocol';

export interface Simulation {
  cast(): string;
  run(events: number): string;
  readonly done: boolean;
  readonly elapsed: number;
  summary(): string;
  free(): void;
}

export interface Surroundings {
  open: (scenario: string) => Simulation;
  post: (report: Report) => void;
  /** Lets whatever waits happen, such as the arrival of a newer scenario. */
  pause: () => Promise<void>;
  maxLines?: number;
}

/** So many events are asked for in each step: after it the checks of the invariants are counted. */
const stepSize = (step: number): number => (step < 200 ? 8 : 64);
/** The first lines are wanted at once; later ones are sent in larger heaps. */
const FIRST_HEAP = 16 * 1024;
const LATER_HEAP = 512 * 1024;

export class Engine {
  private current = 0;

  constructor(private readonly around: Surroundings) {}

  /** Runs a scenario, and then once more (I4). A later call ends an earlier one. */
  async run(id: number, text: string): Promise<void> {
    this.current = id;
    const { open, post } = this.around;
    try {
      const simulation = open(text);
      let first: { digest: string; steps: number } | null;
      try {
        post({ type: 'cast', id, cast: JSON.parse(simulation.cast()) as Cast });
        first = await this.first(id, simulation);
      } finally {
        simulation.free();
      }
      if (first) await this.again(id, text, first);
    } catch (error) {
      if (this.current === id) post({ type: 'error', id, message: messageOf(error), broken: isTrap(error) });
    }
  }

  private async first(id: number, simulation: Simulation): Promise<{ digest: string; steps: number } | null> {
    const { post, pause, maxLines = MAX_LINES } = this.around;
    let [lines, steps, heap, limit] = [0, 0, '', FIRST_HEAP];
    let samples: Sample[] = [];
    const send = (): void => {
      post({ type: 'chunk', id, columns: toColumns(heap), samples, elapsed: simulation.elapsed });
      [heap, samples, limit] = ['', [], LATER_HEAP];
    };
    while (!simulation.done && lines < maxLines) {
      const more = simulation.run(stepSize(steps++));
      heap += more;
      lines += linesIn(more);
      samples.push({ at: simulation.elapsed, checks: checksOf(summaryOf(simulation)) });
      if (heap.length < limit && more !== '') continue;
      send();
      if (more === '') break;
      await pause();
      if (this.current !== id) return null;
    }
    if (heap !== '' || samples.length > 0) send();
    const summary = summaryOf(simulation);
    const cut = !simulation.done && lines >= maxLines;
    post({ type: 'done', id, summary, elapsed: simulation.elapsed, cut });
    return { digest: summary.digest, steps };
  }

  /** The same steps again: another digest would be another log. */
  private async again(id: number, text: string, first: { digest: string; steps: number }): Promise<void> {
    const { open, post, pause } = this.around;
    const simulation = open(text);
    try {
      for (let step = 0; step < first.steps; step++) {
        simulation.run(stepSize(step));
        if (step % 32 !== 31) continue;
        await pause();
        if (this.current !== id) return;
      }
      const { digest } = summaryOf(simulation);
      post({ type: 'again', id, digest, same: digest === first.digest });
    } finally {
      simulation.free();
    }
  }
}

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

const summaryOf = (simulation: Simulation): Summary => JSON.parse(simulation.summary()) as Summary;

const checksOf = (summary: Summary): number[] =>
  [1, 2, 3, 4, 5, 6, 7].map((number) => summary.invariants[`I${number}`]?.checks ?? 0);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** After a trap the memory of the wasm may be in any state. */
export const isTrap = (error: unknown): boolean => error instanceof WebAssembly.RuntimeError;
