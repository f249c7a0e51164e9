// A stand-in for the wasm: it writes logs of the same form, by much simpler rules. Only tests use it.

import type { Simulation } from '../src/worker/engine';
import type { Scenario } from '../src/scenario/types';

const [DELAY, EVERY, STEP_LIMIT] = [40, 22_000, 1_000_000];

interface Due {
  at: number;
  order: number;
  run: () => void;
}

export class FakeSimulation implements Simulation {
  done = false;
  elapsed = 0;
  private readonly scenario: Scenario;
  private readonly queue: Due[] = [];
  private lines: string[] = [];
  private order = 0;
  private message = 0;
  private events = 0;
  private readonly heard = new Map<number, number>();
  private readonly is = new Map<number, string>();
  private readonly losing = new Map<number, number>();
  private readonly end: number;

  constructor(text: string) {
    this.scenario = JSON.parse(text) as Scenario;
    if (this.scenario.version !== 1) throw new Error('unknown version, at line 2 column 14');
    let at = 0;
    this.scenario.actions.forEach((action, index) => {
      this.later(at, () => this.log({ event: 'action', index }));
      if (action.do === 'until') at = Math.max(at, action.at);
      if (action.do === 'advance') at += action.millis;
      if (action.do === 'lose') this.later(at, () => this.losing.set(action.client, action.datagrams));
    });
    this.end = at;
    this.people().forEach((client) => this.later(client * 300, () => this.exchange(client, 'register')));
  }

  private people(): number[] {
    const count = (this.scenario.clients ?? []).reduce((sum, client) => sum + (client.count ?? 1), 0);
    return Array.from({ length: count }, (_, client) => client);
  }

  private later(at: number, run: () => void): void {
    this.queue.push({ at, order: this.order++, run });
    this.queue.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  private log(line: object): void {
    this.lines.push(JSON.stringify({ at: this.elapsed, ...line }));
    this.events++;
  }

  private exchange(client: number, what: 'register' | 'pulse'): void {
    const message = this.message++;
    const losing = this.losing.get(client) ?? 0;
    const arrives = losing > 0 ? null : this.elapsed + DELAY;
    if (losing > 0) this.losing.set(client, losing - 1);
    const carries = what === 'pulse' ? { kind: 'pulse', key_of: client } : { kind: 'request', method: 'POST', path: '/register' };
    const [source, destination] = [`198.18.0.${client + 1}:40000`, '198.51.100.1:5024'];
    this.log({ event: 'sent', message, from: client, to: 'server', carries, source, destination, arrives, ...(arrives === null ? { lost: 'ordered' } : {}) });
    if (arrives !== null) this.later(arrives, () => this.answer(message, client, what));
    this.later(this.elapsed + EVERY, () => this.exchange(client, 'pulse'));
  }

  private answer(message: number, client: number, what: 'register' | 'pulse'): void {
    const reply = { message: this.message++, to: client, destination: `198.18.0.${client + 1}:40000`, arrives: this.elapsed + DELAY };
    if (what === 'register') {
      this.log({ event: 'answered', message, client, status: 200, body: { ok: true, client_id: '00' }, reply });
      this.stands(client, 'ONLINE');
    } else {
      const code = this.is.get(client) === 'LATE' ? 1050 : 1020;
      this.log({ event: 'answered', message, client, code, bytes: code === 1020 ? '03fc' : '041a', reply });
      if (code === 1050) return;
    }
    this.heard.set(client, this.elapsed);
    const since = this.elapsed;
    this.later(since + 31_000, () => this.heard.get(client) === since && this.stands(client, 'LATE'));
  }

  private stands(client: number, is: string): void {
    if (this.is.get(client) === is) return;
    this.is.set(client, is);
    this.log({ event: 'standing', client, is });
  }

  cast(): string {
    return JSON.stringify({
      timing: this.scenario.setup.timing,
      end: this.end,
      clients: this.people().map((client) => ({
        client,
        name: this.scenario.clients?.[client]?.name ?? `client ${client}`,
        id: client.toString(16).padStart(32, '7'),
        policy: 'well behaved',
        address: `10.0.0.${client + 2}:5000`,
        nat: client % 2 ? null : 'endpoint-independent mapping, address-dependent filtering, idle 120 s',
        clock_offset: 0,
        drift_ppm: 0,
      })),
      server: { udp: '198.51.100.1:5024', http: '198.51.100.1:5025' },
    });
  }

  run(events: number): string {
    this.lines = [];
    for (let step = 0; step < STEP_LIMIT && this.lines.length < events; step++) {
      const due = this.queue[0];
      if (!due || due.at > this.end) {
        this.elapsed = this.end;
        this.done = true;
        break;
      }
      this.queue.shift();
      this.elapsed = due.at;
      due.run();
    }
    return this.lines.map((line) => `${line}\n`).join('');
  }

  summary(): string {
    const check = { checks: this.events, violations: 0, first: null };
    return JSON.stringify({
      events: this.events,
      messages: this.message,
      pulses_sent: this.message,
      lost: 0,
      codes: {},
      digest: this.events.toString(16).padStart(8, '0'),
      invariants: { I1: check, I2: check, I3: check, I5: check, I6: check, I7: check },
    });
  }

  free(): void {}
}

export const mermaid = (): string => 'sequenceDiagram\n';
export { FakeSimulation as Simulation };
export default async function init(): Promise<void> {}
