// Everything that is known of one event, in order.

import type { Scenario } from '../scenario/types';
import { describe, fateOf } from './describe';
import type { AnsweredLine, SentLine } from './log';
import { NONE } from './messages';
import type { Run } from './run';
import { seconds } from './words';

export interface Detail {
  name: string;
  value: string;
  /** Whether it is copied or compared letter by letter. */
  code?: boolean;
}

const json = (value: unknown): string => JSON.stringify(value, null, 1);

export function detailsOf(run: Run, event: number, scenario: Scenario | null, name: (client: number) => string): Detail[] {
  const line = run.line(event);
  const row = describe(run, event, scenario, name);
  const details: Detail[] = [{ name: 'time', value: seconds(line.at) }];
  const add = (what: string, value: string | number | null | undefined, code = false): void => {
    if (value !== null && value !== undefined && value !== '') details.push({ name: what, value: String(value), code });
  };
  add('from', row.from);
  add('to', row.to);
  add('what', row.what);
  if (line.event === 'sent') sent(run, line, add);
  else if (line.event === 'answered') answered(run, line, add);
  else if (line.event === 'arrived') add('fate', row.answer);
  else if (line.event === 'violation') add('message', line.message);
  else if (line.event === 'action') add('action', json(scenario?.actions[line.index]), true);
  return details;
}

type Add = (what: string, value: string | number | null | undefined, code?: boolean) => void;

function sent(run: Run, line: SentLine, add: Add): void {
  const message = run.messages.index(line.message);
  add('source', line.source, true);
  add('destination', line.destination, true);
  add('arrives', line.arrives === null ? 'never' : `${seconds(line.arrives)}, ${line.arrives - line.at} ms later`);
  if (message !== NONE) add('fate', fateOf(run, message));
  if (line.carries.kind === 'noise') add('bytes', `${line.carries.hex}${line.carries.length > 16 ? '…' : ''}`, true);
  if (line.carries.kind === 'pulse') add('bytes', '32 bytes, the private key');
  add('copy of', line.copy_of);
  add('resent', line.resent ? `${line.resent} times` : undefined);
  const answer = message === NONE ? NONE : (run.messages.answered[message] as number);
  if (answer !== NONE) {
    const { code, status, dropped } = run.line(answer) as AnsweredLine;
    add('answer', code ?? status ?? (dropped ? `none: ${dropped.replaceAll('_', ' ')}` : 'none'));
  }
  add('message', line.message);
}

function answered(run: Run, line: AnsweredLine, add: Add): void {
  add('code', line.code);
  add('bytes', line.bytes?.replace(/(..)(?=.)/g, '$1 '), true);
  add('HTTP status', line.status);
  add('body', line.body === undefined ? undefined : json(line.body), true);
  add('no answer', line.dropped?.replaceAll('_', ' '));
  if (line.changes?.length) add('changes', line.changes.map(json).join('\n'), true);
  else add('changes', 'none');
  if (line.reply) {
    add('destination', line.reply.destination, true);
    const { arrives } = line.reply;
    const reply = run.messages.index(line.reply.message);
    add('arrives', arrives === null ? 'never' : `${seconds(arrives)}, ${arrives - line.at} ms later`);
    if (reply !== NONE) add('fate', fateOf(run, reply));
  }
  add('message', line.message);
}
