// The part of the address behind "#": which scenario, and how it is being looked at.

import { pack, unpack, unpackPlain } from './codec';
import { parse } from './text';

/** How a run is being looked at. Everything is optional: what a link does not say stays as usual. */
export interface View {
  /** The time of the play head. */
  time?: number;
  speed?: number;
  /** How many milliseconds the drawing is wide, and where it begins. */
  span?: number;
  from?: number;
  client?: number;
  event?: number;
}

export interface Opened {
  /** The name of a preset, or the text of a scenario. */
  preset?: string;
  text?: string;
  view: View;
}

const LETTERS: [keyof View, string][] = [
  ['time', 't'],
  ['speed', 'x'],
  ['span', 'z'],
  ['from', 'w'],
  ['client', 'c'],
  ['event', 'e'],
];

export function viewToHash(view: View): string {
  return LETTERS.map(([key, letter]) => {
    const value = view[key];
    return value === undefined ? '' : `&${letter}=${Number(value.toFixed(2))}`;
  }).join('');
}

export function viewFromHash(params: URLSearchParams): View {
  const view: View = {};
  for (const [key, letter] of LETTERS) {
    const value = params.get(letter);
    const number = value === null || value === '' ? NaN : Number(value);
    if (Number.isFinite(number) && number >= 0) view[key] = number;
  }
  return view;
}

/** Reads what a link asks for. Throws if its scenario cannot be unpacked. */
export async function readHash(hash: string): Promise<Opened> {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const view = viewFromHash(params);
  const packed = params.get('s');
  const plain = params.get('j');
  const preset = params.get('preset');
  if (packed) return { text: await unpack(packed), view };
  if (plain) return { text: unpackPlain(plain), view };
  return preset ? { preset, view } : { view };
}

/** The shortest text with the same scenario. */
export const compact = (text: string): string => (parse(text) ? JSON.stringify(JSON.parse(text)) : text);

/** A link holds the scenario itself, so that it means the same whatever presets a later page has. */
export const scenarioHash = async (text: string, view: View): Promise<string> =>
  `#s=${await pack(compact(text))}${viewToHash(view)}`;

export const presetHash = (name: string, view: View): string =>
  `#preset=${encodeURIComponent(name)}${viewToHash(view)}`;
