// The text of a scenario: how it is written, where an error in it is, and whether it is JSON at all.

import type { Scenario } from './types';

const WIDTH = 110;

/** Several things that each deserve a line. */
const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 1 && value.every((item) => item !== null && typeof item === 'object');

/** Writes JSON for people: what fits on a line is on one line. */
export function format(value: unknown, indent = ''): string {
  const flat = inline(value);
  if (value === null || typeof value !== 'object') return flat;
  if (indent && !isList(value) && indent.length + flat.length <= WIDTH) return flat;
  const deeper = `${indent}  `;
  const [open, parts, close] = Array.isArray(value)
    ? ['[', value.map((item) => deeper + format(item, deeper)), ']']
    : [
        '{',
        Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${format(item, deeper)}`),
        '}',
      ];
  if (parts.length === 0) return open + close;
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inline(item)}`);
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  return JSON.stringify(value);
}

export const toText = (scenario: unknown): string => `${format(scenario)}\n`;

/** The scenario in a text, if the page can show it as a form at all. */
export function parse(text: string): Scenario | null {
  try {
    const value = JSON.parse(text) as Scenario;
    const fine =
      typeof value === 'object' &&
      value !== null &&
      typeof value.setup?.timing === 'object' &&
      value.setup.timing !== null &&
      Array.isArray(value.actions) &&
      value.actions.every((action) => typeof action?.do === 'string') &&
      (value.clients === undefined ||
        (Array.isArray(value.clients) && value.clients.every((client) => client && typeof client === 'object')));
    return fine ? value : null;
  } catch {
    return null;
  }
}

export interface Mistake {
  /** The reason, for people. */
  reason: string;
  /** Where, counted from 1, if it is known. */
  line: number | null;
  column: number | null;
  /** The text of that line. */
  quote: string;
}

/** Takes the place out of a message that ends with " at line L column C". */
export function locate(message: string, text: string): Mistake {
  const found = /^(.*?),? at line (\d+) column (\d+)\.?$/s.exec(message.trim());
  if (!found) return { reason: message, line: null, column: null, quote: '' };
  const line = Number(found[2]);
  return {
    reason: found[1] ?? message,
    line,
    column: Number(found[3]),
    quote: text.split('\n')[line - 1] ?? '',
  };
}

/** The range of a line in a text, for selecting it. */
export function lineRange(text: string, line: number): [number, number] {
  const lines = text.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return [start, start + (lines[line - 1]?.length ?? 0)];
}
