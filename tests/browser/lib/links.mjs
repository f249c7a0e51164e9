// The part of the address behind "#", made and read without the page.

import assert from 'node:assert/strict';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const textOf = (scenario) => (typeof scenario === 'string' ? scenario : JSON.stringify(scenario));

export const plainLink = (scenario, rest = '') => `#j=${Buffer.from(textOf(scenario)).toString('base64url')}${rest}`;

export const packedLink = (scenario, rest = '') => `#s=${deflateRawSync(textOf(scenario)).toString('base64url')}${rest}`;

/** What a link holds: the scenario, and everything else by its letter. */
export function readLink(link) {
  const hash = link.slice(link.indexOf('#') + 1);
  const { s, j, ...rest } = Object.fromEntries(new URLSearchParams(hash));
  assert.ok(!(s && j), 'a link holds one scenario');
  const bytes = s ? inflateRawSync(Buffer.from(s, 'base64url')) : Buffer.from(j ?? '', 'base64url');
  return { scenario: bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : null, ...rest };
}
