// One line of the log as a row: when, from whom, to whom, what, and what came of it.

import type { Scenario } from '../scenario/types';
import { Carries, FATES, Kind, NOBODY, SERVER } from './columns';
import type { AnsweredLine, SentLine } from './log';
import { NONE } from './messages';
import type { Run } from './run';
import { actionInWords, carried } from './words';

export type Tone = 'ok' | 'late' | 'no' | 'lost' | 'plain' | 'bad';

export interface Row {
  event: number;
  at: number;
  from: string;
  to: string;
  what: string;
  answer: string;
  tone: Tone;
}

export const toneOf = (code: number): Tone =>
  code === 1020 || (code >= 200 && code < 300)
    ? 'ok'
    : code === 1050
      ? 'late'
      : code === 1060 || (code >= 400 && code < 1000)
        ? 'no'
        : 'plain';

const FATE_WORDS: Record<string, string> = {
  unmapped: 'no mapping',
  'not turned back': 'no hairpinning',
  filtered: 'filtered by the NAT',
  refused: 'nobody listens',
  asleep: 'asleep, not heard',
  queued: 'waits for the server',
  nobody: 'nobody has this address',
};

const LOSS_WORDS: Record<string, string> = {
  loss: 'lost',
  burst: 'lost in a burst',
  ordered: 'lost, as ordered',
  stopped: 'lost: the server is down',
};

/** What became of a message on its way; empty if it was taken. */
export function fateOf(run: Run, message: number): string {
  const { messages } = run;
  if (Number.isNaN(messages.arrives[message])) {
    const line = run.line(messages.event[message] as number) as SentLine | AnsweredLine;
    const why = line.event === 'sent' ? line.lost : line.reply?.lost;
    return LOSS_WORDS[why ?? ''] ?? 'lost';
  }
  const fate = FATES[(messages.fate[message] as number) - 1];
  return fate ? (FATE_WORDS[fate] ?? fate) : '';
}

export function nameOf(run: Run, client: number): string {
  if (client === SERVER) return 'server';
  if (client === NOBODY) return '';
  return run.cast.clients.find((one) => one.client === client)?.name || `client ${client}`;
}

/** Names by number, without a search for each. */
export function namesOf(run: Run): (client: number) => string {
  const names = new Map(run.cast.clients.map(({ client, name }) => [client, name || `client ${client}`]));
  return (client) =>
    client === SERVER ? 'server' : client === NOBODY ? '' : (names.get(client) ?? `client ${client}`);
}

const answerText = (line: AnsweredLine): string =>
  line.dropped
    ? `none: ${line.dropped.replaceAll('_', ' ')}`
    : String(line.code ?? line.status ?? 'none');

/** What was asked, of a message that the server handled. */
export function askedOf(run: Run, event: number, scenario: Scenario | null, name: (client: number) => string): string {
  const action = run.actionOf(event);
  if (action !== NONE) return actionInWords(scenario?.actions[action], name);
  const message = run.messages.index(run.message[event] as number);
  if (message === NONE) return '';
  const line = run.line(run.messages.event[message] as number);
  return line.event === 'sent' ? carried(line.carries) : '';
}

export function describe(run: Run, event: number, scenario: Scenario | null, name: (client: number) => string): Row {
  const line = run.line(event);
  const row: Row = { event, at: line.at, from: '', to: '', what: '', answer: '', tone: 'plain' };
  const detail = 'detail' in line && line.detail ? `: ${line.detail}` : '';
  switch (line.event) {
    case 'action':
      row.from = 'scenario';
      row.what = actionInWords(scenario?.actions[line.index], name);
      break;
    case 'sent': {
      const message = run.messages.index(line.message);
      row.from = line.from === null ? line.source : name(line.from);
      row.to = line.to === null ? line.destination : name(line.to === 'server' ? SERVER : line.to);
      const again = line.resent ? ` (resent ${line.resent}×)` : line.copy_of !== undefined ? ' (a copy)' : '';
      row.what = carried(line.carries) + again;
      row.answer = fateOf(run, message);
      if (row.answer) row.tone = 'lost';
      else if (run.messages.answered[message] !== NONE && run.messages.carries[message] !== Carries.probe) {
        const code = run.messages.code[message] as number;
        row.answer = code ? String(code) : 'none';
        row.tone = toneOf(code);
      }
      break;
    }
    case 'arrived': {
      const message = run.messages.index(line.message);
      row.from = message === NONE ? '' : name(run.messages.from[message] as number);
      row.to = message === NONE ? '' : name(run.messages.to[message] as number);
      row.what = `message ${line.message} arrives`;
      row.answer = FATE_WORDS[line.fate] ?? line.fate;
      row.tone = line.fate === 'queued' ? 'plain' : 'lost';
      break;
    }
    case 'answered': {
      const message = run.messages.index(line.message);
      const whose = line.client ?? run.messages.from[message] ?? NOBODY;
      row.from = 'server';
      row.to = line.reply?.to != null ? name(line.reply.to) : (line.reply?.destination ?? name(whose));
      row.what = `answer to ${askedOf(run, event, scenario, name) || `message ${line.message}`}`;
      row.answer = answerText(line);
      row.tone = toneOf(line.code ?? line.status ?? 0);
      break;
    }
    case 'standing':
      row.from = name(line.client);
      row.what = `is ${line.is}`;
      row.tone = line.is === 'ONLINE' ? 'ok' : line.is === 'LATE' || line.is === 'PENDING' ? 'late' : 'no';
      break;
    case 'client':
      row.from = name(line.client);
      row.what = line.does + detail;
      break;
    case 'server':
      row.from = 'server';
      row.what = line.does + detail;
      break;
    case 'network':
      row.from = line.client === null ? 'network' : `network of ${name(line.client)}`;
      row.what = line.does + detail;
      break;
    case 'violation':
      row.from = line.client === undefined ? '' : name(line.client);
      row.what = `${line.invariant} is broken: ${line.says}`;
      row.tone = 'bad';
      break;
  }
  return row;
}

/** A row as one sentence, for announcements and names. */
export function sentence(row: Row): string {
  const way = [row.from && `${row.from}`, row.to && `to ${row.to}`].filter(Boolean).join(' ');
  return `${way}${way ? ', ' : ''}${row.what}${row.answer ? `, ${row.answer}` : ''}`;
}

/** Whether an event is about a client. */
export function concerns(run: Run, event: number, client: number): boolean {
  if (run.client[event] === client) return true;
  const kind = run.kind[event];
  if (kind !== Kind.sent && kind !== Kind.answered && kind !== Kind.arrived) return false;
  const message = run.messages.index(run.message[event] as number);
  return message !== NONE && (run.messages.from[message] === client || run.messages.to[message] === client);
}
