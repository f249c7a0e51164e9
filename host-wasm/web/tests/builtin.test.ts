import { describe, expect, it } from 'vitest';
import { PRESETS } from '../src/scenario/builtin';
import { parse } from '../src/scenario/text';

const files = import.meta.glob<string>('../../presets/*.json', { query: '?raw', import: 'default', eager: true });

describe('the presets that come with the page', () => {
  it('are all of the files', () => expect(PRESETS).toHaveLength(Object.keys(files).length));

  it.each(PRESETS)('$name says what to watch and what the rule is', ({ scenario, title, text }) => {
    expect(title).toBe(scenario.title);
    for (const sentence of [scenario.watch, scenario.rule]) expect(sentence).toMatch(/\S.*[.]$/);
    expect(parse(text)).toEqual(scenario);
  });

  it('have titles of their own', () => {
    const titles = PRESETS.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
