// The page's end of the worker. It starts the worker when it is first needed, and a new one when that one broke or hangs.

import type { Report, Request } from './protocol';

/** A worker that does not even take a new scenario in so long is stuck in an old one. */
const PATIENCE = 3_000;

export class WorkerLink {
  private worker: Worker | null = null;
  private id = 0;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private readonly texts = new Map<number, { resolve: (text: string) => void; reject: (error: Error) => void }>();
  /** The run that reports are wanted of. */
  private current = 0;

  constructor(private readonly report: (report: Report) => void) {}

  /** Runs a scenario; earlier ones are given up. */
  run(text: string): void {
    this.current = ++this.id;
    this.send({ type: 'run', id: this.current, text }, true);
  }

  mermaid(text: string): Promise<string> {
    const id = ++this.id;
    return new Promise((resolve, reject) => {
      this.texts.set(id, { resolve, reject });
      this.send({ type: 'mermaid', id, text }, false);
    });
  }

  private send(request: Request, insist: boolean): void {
    try {
      this.worker ??= this.open();
    } catch (error) {
      this.broken(`The simulation could not be started: ${String(error)}`);
      return;
    }
    this.worker.postMessage(request);
    if (!insist) return;
    clearTimeout(this.patience);
    // While the wasm is being fetched the worker answers, too; so this strikes only if a run blocks it.
    this.patience = setTimeout(() => {
      if (this.started && request.id === this.current) {
        this.close('The simulation was started anew.');
        this.send(request, true);
      }
    }, PATIENCE);
  }

  /** Whether the worker has ever answered. */
  private started = false;

  private open(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'simulation' });
    worker.onmessage = ({ data }: MessageEvent<Report>) => this.take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.broken(`The simulation stopped: ${event.message || 'its script could not be loaded'}`);
    };
    return worker;
  }

  private close(why: string): void {
    clearTimeout(this.patience);
    this.worker?.terminate();
    this.worker = null;
    this.started = false;
    for (const { reject } of this.texts.values()) reject(new Error(why));
    this.texts.clear();
  }

  private take(report: Report): void {
    const waiting = this.texts.get(report.id);
    if (waiting && report.type !== 'received') {
      this.texts.delete(report.id);
      if (report.type === 'mermaid') waiting.resolve(report.text);
      else if (report.type === 'error') waiting.reject(new Error(report.message));
    }
    if (report.type === 'error' && report.broken) this.close(report.message);
    if (report.type === 'received') this.started = true;
    if (report.id !== this.current) return;
    if (report.type === 'received') clearTimeout(this.patience);
    else this.report(report);
  }

  private broken(message: string): void {
    this.close(message);
    this.report({ type: 'error', id: this.current, message, broken: true });
  }
}
