// The real server, in a process of its own, on free ports and without a store.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './settings.mjs';

/** The program; that of a debug build without. */
const BINARY = resolve(process.env.RENDEZVOUS_BINARY ?? fileURLToPath(new URL('../../../target/debug/rendezvous', import.meta.url)));

/** Starts it, and says where it can be reached once it is ready. `stop` ends it, and fails unless it ends well. */
export async function startServer(flags = []) {
  assert.ok(existsSync(BINARY), `there is no ${BINARY}: build it (cargo build), or say where it is with RENDEZVOUS_BINARY`);
  const own = ['--store=memory:', '--log-format=json', ...['udp', 'http', 'admin'].map((what) => `--${what}-listen=127.0.0.1:0`)];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RENDEZVOUS_')));
  const child = spawn(BINARY, [...own, ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  const log = [];
  const addresses = {};
  const ready = new Promise((done) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      const { message = '', address } = line.startsWith('{') ? JSON.parse(line) : {};
      const what = /\((udp|http|admin)\)$/.exec(message);
      if (what) addresses[what[1]] = address;
      if (message.startsWith('ready')) done(true);
    });
  });
  const patience = new Promise((done) => setTimeout(done, PATIENCE, false).unref());
  if ((await Promise.race([ready, ended.then(() => false), patience])) !== true) {
    child.kill('SIGKILL');
    assert.fail(`the server did not start:\n${log.join('\n')}`);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    assert.equal(await ended, 0, log.join('\n'));
  };
  return { ...addresses, stop };
}
