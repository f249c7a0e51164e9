// A static file server, as plain as the ones that the page is meant for. It serves below a sub-path, never at the root.

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** The file behind a path of a request; null if there is none. */
function fileOf(folders, pathname) {
  for (const [prefix, folder] of Object.entries(folders)) {
    if (!pathname.startsWith(prefix)) continue;
    const rest = normalize(`/${decodeURIComponent(pathname.slice(prefix.length))}`);
    const file = join(folder, rest.endsWith('/') ? `${rest}index.html` : rest);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  return null;
}

/**
 * Serves folders by prefix, such as {'/simulator/': '/some/dist'}, and an empty page at /blank.html.
 * `trouble.missing` and `trouble.slow` say which kind of file is not found, or comes late.
 */
export async function serve(folders) {
  const trouble = { missing: null, slow: null, delay: 0 };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const ending = extname(pathname);
    if (ending !== '' && ending === trouble.slow) await sleep(trouble.delay);
    if (pathname === '/blank.html') {
      response.writeHead(200, { 'content-type': TYPES['.html'] });
      response.end('<!doctype html><html lang="en-GB"><title>Blank</title><link rel="icon" href="data:,">');
      return;
    }
    const file = ending !== '' && ending === trouble.missing ? null : fileOf(folders, pathname);
    if (file === null) {
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end('There is no such file.\n');
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-store' });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, trouble, close };
}
