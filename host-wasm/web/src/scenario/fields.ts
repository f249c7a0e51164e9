// What the form shows of each action and policy: its fields, and what a new one holds.

import type { Action, Policy } from './types';

export type FieldType = 'number' | 'text' | 'yes' | 'way' | 'command' | 'peer';

export interface Field {
  key: string;
  label: string;
  type: FieldType;
}

const number = (key: string, label: string): Field => ({ key, label, type: 'number' });
const CLIENT = number('client', 'client');
const FROM: Field = { key: 'from', label: 'from', type: 'text' };
const PEER: Field = { key: 'peer', label: 'peer', type: 'peer' };

export const ACTION_FIELDS: Record<Action['do'], Field[]> = {
  until: [number('at', 'at, ms')],
  advance: [number('millis', 'by, ms')],
  command: [CLIENT, { key: 'command', label: 'command', type: 'command' }],
  lose: [CLIENT, { key: 'way', label: 'way', type: 'way' }, number('datagrams', 'datagrams')],
  link: [{ key: 'client', label: 'client', type: 'peer' }, number('link.delay', 'delay, ms'), number('link.loss', 'loss')],
  rebind: [CLIENT, { key: 'address', label: 'other address', type: 'yes' }],
  stall: [number('millis', 'for, ms')],
  restart: [
    number('down', 'down, ms'),
    { key: 'rebooted', label: 'rebooted', type: 'yes' },
    { key: 'forgets', label: 'forgets', type: 'yes' },
  ],
  crash: [
    number('down', 'down, ms'),
    { key: 'rebooted', label: 'rebooted', type: 'yes' },
    number('unwritten', 'unwritten, ms'),
  ],
  step_wall_clock: [number('millis', 'by, ms')],
  register: [CLIENT],
  pulse: [CLIENT, FROM],
  datagram: [FROM, { key: 'payload', label: 'hex', type: 'text' }],
  verify: [CLIENT],
  logout: [CLIENT],
  look_up: [CLIENT, PEER],
  status: [CLIENT, PEER],
  tick: [number('budget', 'budget')],
};

export const ACTION_NAMES: Record<Action['do'], string> = {
  until: 'time passes until',
  advance: 'time passes',
  command: 'a client is told',
  lose: 'datagrams get lost',
  link: 'a link changes',
  rebind: 'a NAT rebinds',
  stall: 'the server stalls',
  restart: 'the server restarts',
  crash: 'the server is killed',
  step_wall_clock: 'the wall clock is set',
  register: 'register (direct)',
  pulse: 'pulse (direct)',
  datagram: 'datagram (direct)',
  verify: 'verify (direct)',
  logout: 'log out (direct)',
  look_up: 'look up (direct)',
  status: 'status (direct)',
  tick: 'tick (direct)',
};

export const COMMANDS = [
  'register', 'pulse', 'verify', 'logout', 'noise', 'sleep', 'wake', 'look_up', 'status', 'meet', 'replay',
] as const;

/** Commands that name another client. */
export const COMMANDS_WITH_PEER: readonly string[] = ['look_up', 'status', 'meet', 'replay'];

export function newAction(what: Action['do'], time: number): Action {
  const at = Math.round(time);
  switch (what) {
    case 'until':
      return { do: 'until', at: at + 30_000 };
    case 'advance':
      return { do: 'advance', millis: 30_000 };
    case 'command':
      return { do: 'command', client: 0, command: 'pulse' };
    case 'lose':
      return { do: 'lose', client: 0, way: 'up', datagrams: 1 };
    case 'link':
      return { do: 'link', client: null, link: { delay: 40, loss: 0.1 } };
    case 'rebind':
      return { do: 'rebind', client: 0, address: false };
    case 'stall':
      return { do: 'stall', millis: 5_000 };
    case 'restart':
      return { do: 'restart', down: 5_000, rebooted: false, forgets: false };
    case 'crash':
      return { do: 'crash', down: 5_000, rebooted: false, unwritten: 1_000 };
    case 'step_wall_clock':
      return { do: 'step_wall_clock', millis: -3_600_000 };
    case 'pulse':
      return { do: 'pulse', client: 0, from: '192.0.2.7:4000' };
    case 'datagram':
      return { do: 'datagram', from: '192.0.2.7:4000', payload: '00ff' };
    case 'look_up':
    case 'status':
      return { do: what, client: 0, peer: 0 };
    case 'tick':
      return { do: 'tick', budget: 16 };
    case 'register':
    case 'verify':
    case 'logout':
      return { do: what, client: 0 };
  }
}

export const POLICIES = ['well_behaved', 'manual', 'fixed', 'lazy', 'noise', 'thief'] as const;
export type PolicyName = (typeof POLICIES)[number];

export const POLICY_FIELDS: Record<PolicyName, Field[]> = {
  well_behaved: [],
  manual: [],
  fixed: [number('every', 'every, ms')],
  lazy: [number('from', 'from, ms'), number('to', 'to, ms')],
  noise: [number('every', 'every, ms')],
  thief: [number('victim', 'victim'), number('every', 'every, ms')],
};

export function newPolicy(name: PolicyName): Policy {
  switch (name) {
    case 'fixed':
      return { fixed: { every: 30_000 } };
    case 'lazy':
      return { lazy: { from: 20_000, to: 70_000 } };
    case 'noise':
      return { noise: { every: 5_000 } };
    case 'thief':
      return { thief: { victim: 0, every: 20_000 } };
    default:
      return name;
  }
}

export const policyName = (policy: Policy | undefined): string =>
  policy === undefined ? 'well_behaved' : typeof policy === 'string' ? policy : (Object.keys(policy)[0] ?? '');
