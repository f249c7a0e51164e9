// The real server in a process of its own, and clients that talk to it over real sockets.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './settings.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Path of the program. */
function binary() {
  return execFileSync(resolve(ROOT, 'tests/scripts/program'), { encoding: 'utf8' }).trim();
}

/** Starts it with these flags on free ports, and waits until it is ready. */
export async function startServer(flags) {
  const free = ['udp', 'http', 'admin'].map((what) => `--${what}-listen`).filter((flag) => !flags.some((given) => given.startsWith(flag)));
  const listen = free.map((flag) => `${flag}=127.0.0.1:0`);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RENDEZVOUS_')));
  const child = spawn(binary(), [...listen, '--store=memory:', '--log-format=json', ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  const log = [];
  let timer;
  const { udp, http, admin } = await new Promise((ready, reject) => {
    const fail = (what) => reject(new Error(`the server ${what}; its log:\n${log.join('\n')}`));
    timer = setTimeout(() => {
      fail(`was not ready within ${PATIENCE / 1000} s`);
      child.kill('SIGKILL');
    }, PATIENCE);
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      if (line.includes('"message":"ready: ')) ready(JSON.parse(line));
    });
    ended.then(() => fail('ended before it was ready'), reject);
  }).finally(() => clearTimeout(timer));
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    await ended;
  };
  return { admin: `http://${admin}`, http: `http://${http}`, udp: Number(udp.split(':')[1]), stop };
}

/** A registered client with a socket. */
export async function register(server) {
  const answer = await fetch(`${server.http}/register`, { method: 'POST' });
  assert.equal(answer.status, 200);
  const { client_id: id, private_id: key } = await answer.json();
  const socket = createSocket('udp4');
  const send = (bytes) => new Promise((resolve, reject) => {
    socket.send(bytes, server.udp, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
  });
  /** The code that it is answered with. */
  const pulse = async (bytes = Buffer.from(key, 'hex')) => {
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE) });
    await send(bytes);
    const [reply] = await answered;
    return reply.readUInt16BE();
  };
  const call = (method, path) => fetch(`${server.http}${path}`, { method, headers: { authorization: `Bearer ${key}` } });
  return { id, key, send, pulse, call, close: () => socket.close() };
}
