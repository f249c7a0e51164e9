// A short log by hand, for tests: Ann registers, pulses in time, loses a pulse, is late, and verifies.

import { toColumns } from '../src/run/columns';
import type { Cast } from '../src/run/log';
import { Run } from '../src/run/run';

export const CAST: Cast = {
  timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 },
  end: 120_000,
  clients: [
    { client: 0, name: 'Ann', id: 'aa', policy: 'well behaved', address: '10.0.0.2:5000', nat: null, clock_offset: 0, drift_ppm: 0 },
    { client: 1, name: '', id: 'bb', policy: 'manual', address: '10.0.1.2:5000', nat: null, clock_offset: 0, drift_ppm: 0 },
  ],
  server: { udp: '203.0.113.1:5024', http: '203.0.113.1:5025' },
};

const up = { source: '198.18.0.1:40000', destination: '203.0.113.1:5024' };
const reply = (message: number, arrives: number | null, lost?: string) => ({
  message,
  to: 0,
  destination: up.source,
  arrives,
  ...(lost ? { lost } : {}),
});

export const LINES: object[] = [
  /* 0 */ { at: 0, event: 'action', index: 0 },
  /* 1 */ { at: 0, event: 'sent', message: 0, from: 0, to: 'server', carries: { kind: 'request', method: 'POST', path: '/register' }, ...up, arrives: 40 },
  /* 2 */ { at: 40, event: 'answered', message: 0, client: 0, status: 200, body: { ok: true }, reply: reply(1, 80) },
  /* 3 */ { at: 40, event: 'standing', client: 0, is: 'ONLINE' },
  /* 4 */ { at: 3_000, event: 'sent', message: 2, from: 0, to: 'server', carries: { kind: 'pulse', key_of: 0 }, ...up, arrives: 3_040 },
  /* 5 */ { at: 3_040, event: 'answered', message: 2, client: 0, code: 1020, bytes: '03fc', reply: reply(3, 3_080) },
  /* 6 */ { at: 30_000, event: 'sent', message: 4, from: 0, to: 'server', carries: { kind: 'pulse', key_of: 0 }, ...up, arrives: null, lost: 'burst' },
  /* 7 */ { at: 34_040, event: 'standing', client: 0, is: 'LATE' },
  /* 8 */ { at: 35_000, event: 'sent', message: 5, from: 0, to: 'server', carries: { kind: 'pulse', key_of: 0 }, ...up, arrives: 35_040 },
  /* 9 */ { at: 35_040, event: 'answered', message: 5, client: 0, code: 1050, bytes: '041a', reply: reply(6, 35_080) },
  /* 10 */ { at: 35_080, event: 'arrived', message: 6, fate: 'unmapped' },
  /* 11 */ { at: 36_000, event: 'server', does: 'stops', detail: 'for 2 s' },
  /* 12 */ { at: 38_000, event: 'server', does: 'starts' },
  /* 13 */ { at: 40_000, event: 'network', client: 0, does: 'rebinds' },
  /* 14 */ { at: 40_000, event: 'violation', invariant: 'I2', client: 0, message: 5, says: 'the answer should be 1020' },
  /* 15 */ { at: 41_000, event: 'client', client: 0, does: 'verifies' },
  /* 16 */ { at: 41_000, event: 'standing', client: 0, is: 'ONLINE' },
];

export const text = (lines: object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

/** The run of these lines, handed over in pieces of this length. */
export function runOf(lines: object[] = LINES, piece = lines.length): Run {
  const run = new Run(CAST);
  for (let i = 0; i < lines.length; i += piece) {
    const part = lines.slice(i, i + piece);
    run.append(toColumns(text(part)), (part.at(-1) as { at: number }).at);
  }
  run.finish(120_000);
  return run;
}
