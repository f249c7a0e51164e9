// The scenarios that come with the page, in the order of their file names.

import { parse, toText } from './text';
import type { Scenario } from './types';

export interface Preset {
  /** The file name without its ending. */
  name: string;
  title: string;
  text: string;
  scenario: Scenario;
}

/** Presets from file texts by path. What is no scenario is left out. */
export function presetsFrom(files: Record<string, string>): Preset[] {
  return Object.keys(files)
    .sort()
    .flatMap((path) => {
      const scenario = parse(files[path] as string);
      const name = path.replace(/^.*\//, '').replace(/\.json$/, '');
      if (!scenario) return [];
      return [{ name, title: scenario.title ?? name, text: toText(scenario), scenario }];
    });
}

/** The preset that is this very scenario. */
export function presetOf(presets: readonly Preset[], scenario: Scenario): Preset | undefined {
  const text = toText(scenario);
  return presets.find((preset) => preset.text === text);
}
