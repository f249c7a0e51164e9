// Numbers and log lines in words.

import type { Action } from '../scenario/types';
import type { Carried } from './log';

/** 31000 is "31.0 s"; milliseconds are shown where there are any. */
export function seconds(millis: number): string {
  const whole = Math.round(millis);
  return `${(whole / 1000).toFixed(whole % 100 === 0 ? 1 : 3)} s`;
}

/** Always with milliseconds, for columns of times. */
export const exactSeconds = (millis: number): string => (Math.round(millis) / 1000).toFixed(3);

/** To a tenth, where more digits would only flicker. */
export const tenths = (millis: number): string => `${(millis / 1000).toFixed(1)} s`;

/** How long something is away: exact if that is close, for there a millisecond may matter. */
export const distance = (millis: number): string => (millis < 2_000 ? roundSeconds(millis) : tenths(millis));

/** 240000 is "240 s", 1500 is "1.5 s". */
export const roundSeconds = (millis: number): string => `${Number((millis / 1000).toFixed(3))} s`;

export function carried(what: Carried): string {
  switch (what.kind) {
    case 'pulse':
      return 'pulse';
    case 'noise':
      return `${what.length} bytes of noise`;
    case 'request':
      return `${what.method} ${what.path}`;
    case 'probe':
      return 'probe';
    case 'probe_answer':
      return 'answer to a probe';
  }
}

/** As short as fits on an arrow. */
export function carriedShort(what: Carried): string {
  switch (what.kind) {
    case 'pulse':
      return 'pulse';
    case 'noise':
      return `${what.length} B`;
    case 'request':
      return shortPath(what.path);
    case 'probe':
      return 'probe';
    case 'probe_answer':
      return 'answer';
  }
}

function shortPath(path: string): string {
  if (path.endsWith('/udp/status')) return 'status';
  if (path.endsWith('/udp')) return 'address';
  return path.replace(/^\//, '');
}

const datagrams = (count: number): string => (count === 1 ? 'datagram' : `${count} datagrams`);

/** What an action of the scenario does. `name` names clients. */
export function actionInWords(action: Action | undefined, name: (client: number) => string): string {
  if (!action) return 'an action';
  switch (action.do) {
    case 'advance':
      return action.millis < 0
        ? `the clock jumps back by ${roundSeconds(-action.millis)}`
        : `${roundSeconds(action.millis)} pass`;
    case 'until':
      return `time passes until ${roundSeconds(action.at)}`;
    case 'command':
      return `${name(action.client)} is told: ${commandInWords(action.command, name)}`;
    case 'lose':
      return `the next ${datagrams(action.datagrams)} ${action.way === 'up' ? 'from' : 'to'} ${name(action.client)} will be lost`;
    case 'link':
      return action.client == null ? 'every link changes' : `the link of ${name(action.client)} changes`;
    case 'rebind':
      return `the NAT of ${name(action.client)} forgets its mappings`;
    case 'stall':
      return `the server stalls for ${roundSeconds(action.millis)}`;
    case 'restart':
      return `the server restarts, down for ${roundSeconds(action.down)}`;
    case 'crash':
      return `the server is killed, down for ${roundSeconds(action.down)}`;
    case 'step_wall_clock':
      return `the wall clock is set by ${roundSeconds(action.millis)}`;
    case 'register':
      return `${name(action.client)} registers`;
    case 'pulse':
      return `a pulse of ${name(action.client)} from ${action.from}`;
    case 'datagram':
      return `${action.payload.length / 2} bytes from ${action.from}`;
    case 'verify':
      return `${name(action.client)} verifies`;
    case 'logout':
      return `${name(action.client)} logs out`;
    case 'look_up':
      return `${name(action.client)} looks up the address of ${action.peer == null ? 'nobody' : name(action.peer)}`;
    case 'status':
      return `${name(action.client)} asks for the status of ${action.peer == null ? 'nobody' : name(action.peer)}`;
    case 'tick':
      return 'the server ticks';
    default:
      return 'an action';
  }
}

export function commandInWords(command: unknown, name: (client: number) => string): string {
  if (typeof command === 'string') return command;
  const [what, peer] = Object.entries((command ?? {}) as Record<string, number>)[0] ?? ['', 0];
  return `${what.replaceAll('_', ' ')} ${name(peer)}`;
}
