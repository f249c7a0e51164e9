// The real server in a process of its own, and clients that talk to it over real sockets.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './settings.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The program: the given one, or one that is built now. */
function binary() {
  const { RENDEZVOUS_BINARY: given, CARGO_TARGET_DIR: target = join(ROOT, 'target') } = process.env;
  if (given) return given;
  execFileSync('cargo', ['build', '--locked', '--quiet', '-p', 'rendezvous-native'], { cwd: ROOT, stdio: 'inherit' });
  return join(target, 'debug', 'rendezvous');
}

/** Starts it with these flags on free ports, and waits until it is ready. */
export async function startServer(flags) {
  const free = ['udp', 'http', 'admin'].map((what) => `--${what}-listen`).filter((flag) => !flags.some((given) => given.startsWith(flag)));
  const listen = free.map((flag) => `${flag}=127.0.0.1:0`);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RENDEZVOUS_')));
  const child = spawn(binary(), [...listen, '--store=memory:', '--log-format=json', ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const addresses = {};
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const { message = '', address } = JSON.parse(line);
      const what = /\((udp|http|admin)\)/.exec(message)?.[1];
      if (what && address) addresses[what] = address;
      if (message.startsWith('ready')) resolve();
    });
    ended.then(([code]) => reject(new Error(`the server ended with ${code}`)));
    setTimeout(() => reject(new Error('the server does not get ready')), PATIENCE).unref();
  });
  await ready;
  ended.catch(() => {});
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    await ended;
  };
  return { admin: `http://${addresses.admin}`, http: `http://${addresses.http}`, udp: Number(addresses.udp.split(':')[1]), stop };
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
