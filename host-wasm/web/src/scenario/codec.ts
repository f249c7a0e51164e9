// Scenarios in links: JSON, deflated without a header, in the letters that an address may hold.

/** No scenario that a browser can run is longer; a link must not be able to fill the memory. */
const MAX_TEXT = 4 * 1024 * 1024;

export function toBase64url(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    throw new Error('The link is damaged: it holds letters that no such link has.');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_TEXT) {
      await reader.cancel();
      throw new RangeError('The scenario in this link is too long for the page.');
    }
    parts.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const through = (bytes: Uint8Array<ArrayBuffer>, transform: CompressionStream | DecompressionStream) =>
  new Blob([bytes]).stream().pipeThrough(transform) as ReadableStream<Uint8Array>;

/** The part of a link behind `#s=`. */
export async function pack(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return toBase64url(await collect(through(bytes, new CompressionStream('deflate-raw'))));
}

export async function unpack(packed: string): Promise<string> {
  const bytes = fromBase64url(packed);
  try {
    const text = await collect(through(bytes, new DecompressionStream('deflate-raw')));
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new Error('The link is damaged: what it holds cannot be unpacked. Perhaps its end was cut off.');
  }
}

/** The part of a link behind `#j=`, which is not deflated. */
export function unpackPlain(packed: string): string {
  const bytes = fromBase64url(packed);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('The link is damaged: what it holds is no text.');
  }
}
