// Where things are, and what the environment asks for.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const { env } = process;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The built page to be tested. */
export const DIST = resolve(env.SIMULATOR_DIST ?? here('../../../host-wasm/web/dist'));
/** The wasm package that the page was built from. */
export const PKG = resolve(env.SIMULATOR_PKG ?? here('../../../host-wasm/pkg'));
/** The presets that the page was built with. */
export const PRESETS = resolve(env.SIMULATOR_PRESETS ?? here('../../../host-wasm/presets'));
/** Built pages with a planted bug each; may be absent. */
export const PLANTED = env.SIMULATOR_PLANTED ? resolve(env.SIMULATOR_PLANTED) : null;
export const CHROMIUM = env.CHROMIUM ?? '/usr/bin/chromium';
export const AXE = here('../node_modules/axe-core/axe.min.js');
export const LONG = env.RENDEZVOUS_TESTS === 'long';

/** How long anything that should simply happen may take, in milliseconds. */
export const PATIENCE = 20_000;

let shots = null;

/** The folder for screenshots. */
export function shotsFolder() {
  if (shots === null) {
    shots = env.SIMULATOR_SHOTS ? resolve(env.SIMULATOR_SHOTS) : mkdtempSync(join(tmpdir(), 'simulator-shots-'));
    mkdirSync(shots, { recursive: true });
  }
  return shots;
}
