// Changes that the form makes. Each one runs the scenario anew, and the text in the editor says the same.

import { withValue } from '../scenario/edit';
import { parse, toText } from '../scenario/text';
import type { Scenario } from '../scenario/types';
import { session } from './app';

export type PathTo = readonly (string | number)[];

/** Puts a changed scenario into the editor, and runs it. */
export function put(scenario: Scenario): void {
  session.runText(toText(scenario));
}

/** Changes one value of the scenario in the editor; `undefined` takes it out. */
export function change(path: PathTo, value: unknown): void {
  const scenario = parse(session.draft);
  if (scenario) put(withValue(scenario, path, value));
}

/** A seed that nobody chose. */
export const anySeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] as number;
