// The same scenarios, run by Node with the wasm package itself: what the page has to show.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DIST, PKG, PRESETS } from './settings.mjs';

/** A package in a folder; the usual one without. */
export const load = (folder = PKG) => import(pathToFileURL(join(folder, 'node.js')).href);

const wasm = await load();
export const { mermaid } = wasm;

/** Runs a scenario to its end, or to so many lines. */
export function run(scenario, { Simulation } = wasm) {
  const text = typeof scenario === 'string' ? scenario : JSON.stringify(scenario);
  const simulation = new Simulation(text);
  try {
    let log = '';
    while (!simulation.done) log += simulation.run(5_000);
    const summary = JSON.parse(simulation.summary());
    const lines = log.split('\n').slice(0, -1).map((line, event) => ({ number: event, ...JSON.parse(line) }));
    return { log, lines, summary, digest: summary.digest, cast: JSON.parse(simulation.cast()), end: simulation.elapsed };
  } finally {
    simulation.free();
  }
}

/** Why a text is no scenario: the reason, and where. */
export function refusal(text) {
  try {
    new wasm.Simulation(text).free();
  } catch (error) {
    const found = /^(.*?),? at line (\d+) column (\d+)$/s.exec(error.message);
    return found ? { reason: found[1], line: Number(found[2]) } : { reason: error.message, line: null };
  }
  return assert.fail('the scenario was expected to be refused');
}

/** All presets, in their order. */
export const presets = readdirSync(PRESETS)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => {
    const text = readFileSync(join(PRESETS, file), 'utf8');
    return { name: file.replace(/\.json$/, ''), number: file.slice(0, 2), text, scenario: JSON.parse(text) };
  });

export function preset(number) {
  const found = presets.find((one) => one.number === number);
  assert.ok(found, `there is no preset ${number}`);
  return found;
}

/** A page built from another wasm than Node runs proves nothing. */
export function assertSameWasm() {
  const assets = join(DIST, 'assets');
  const built = readdirSync(assets).filter((file) => file.endsWith('.wasm'));
  assert.equal(built.length, 1, `one wasm file in ${assets}`);
  const own = readdirSync(PKG).filter((file) => file.endsWith('.wasm'));
  const same = readFileSync(join(assets, built[0])).equals(readFileSync(join(PKG, own[0])));
  assert.ok(same, 'the page was built from another wasm package than this: build the page again');
}
