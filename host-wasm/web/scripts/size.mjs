// Measures what a visitor downloads, and fails if it is more than promised or if something is missing.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMITS = { '.js': 80 * 1024, '.wasm': 150 * 1024 };
const folder = fileURLToPath(new URL('../dist/', import.meta.url));

let files = [];
try {
  files = readdirSync(folder, { recursive: true }).map(String).sort();
} catch {
  console.error('dist is missing: run `npm run build` first');
  process.exit(1);
}

let failed = false;
for (const [ending, limit] of Object.entries(LIMITS)) {
  const found = files.filter((file) => file.endsWith(ending));
  let total = 0;
  for (const file of found) {
    const size = gzipSync(readFileSync(folder + file), { level: 9 }).length;
    total += size;
    console.log(`${String(size).padStart(8)}  ${file}`);
  }
  const verdict = found.length === 0 ? 'missing' : total > limit ? 'too large' : 'fine';
  if (verdict !== 'fine') failed = true;
  console.log(`${String(total).padStart(8)}  all ${ending} (gzip bytes), at most ${limit}: ${verdict}`);
}
if (!files.some((file) => file.includes('worker') && file.endsWith('.js'))) {
  console.log('the worker is missing');
  failed = true;
}
process.exit(failed ? 1 : 0);
