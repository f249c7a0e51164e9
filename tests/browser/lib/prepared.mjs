// Run before the tests: whether there is everything that they need, so that it is said once and not by every test.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CHROMIUM, DIST, PKG, PLANTED, PRESETS } from './settings.mjs';

const needed = { 'a browser': CHROMIUM, 'the built page': join(DIST, 'index.html'), 'the wasm package': join(PKG, 'node.js'), presets: PRESETS };
const missing = Object.entries(needed).filter(([, path]) => !existsSync(path));
for (const [what, path] of missing) console.error(`There is no ${what.replace(/^(a|the) /, '')} at ${path}.`);
if (missing.length > 0) process.exit(1);

const { assertSameWasm } = await import('./reference.mjs');
try {
  assertSameWasm();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
console.log(`The page in ${DIST}, with ${CHROMIUM}.`);
if (PLANTED === null) console.log('left out: pages with planted bugs (SIMULATOR_PLANTED is not set)');
