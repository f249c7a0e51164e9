// The worker: loads the wasm and runs what the page asks for.

import init, { mermaid, Simulation } from 'rendezvous-wasm/rendezvous_wasm.js';
import wasm from 'rendezvous-wasm/rendezvous_wasm_bg.wasm?url';
import { buffersOf } from '../run/columns';
import { Engine, isTrap, messageOf } from './engine';
import type { Report, Request } from './protocol';

const post = (report: Report): void =>
  self.postMessage(report, { transfer: report.type === 'chunk' ? buffersOf(report.columns) : [] });

// A message to itself waits behind those of the page, and unlike a timer it is not slowed down.
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });

const loaded = init({ module_or_path: new URL(wasm, self.location.href) });
loaded.catch(() => undefined);

const engine = new Engine({ open: (scenario) => new Simulation(scenario), post, pause });

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  const { type, id, text } = data;
  post({ type: 'received', id });
  try {
    await loaded;
  } catch (error) {
    post({ type: 'error', id, message: `The simulation could not be loaded: ${messageOf(error)}`, broken: true });
    return;
  }
  if (type === 'run') {
    await engine.run(id, text);
    return;
  }
  try {
    post({ type: 'mermaid', id, text: mermaid(text) });
  } catch (error) {
    post({ type: 'error', id, message: messageOf(error), broken: isTrap(error) });
  }
};
