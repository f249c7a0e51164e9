// Typed arrays that get longer.

type Numbers =
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** The array itself if it has room for `needed` numbers, else a longer copy. */
export function withRoom<T extends Numbers>(numbers: T, needed: number): T {
  if (numbers.length >= needed) return numbers;
  const Longer = numbers.constructor as new (length: number) => T;
  const longer = new Longer(Math.max(needed, numbers.length * 2, 256));
  longer.set(numbers);
  return longer;
}

/** The array with `more` written from `at` on; it may be another, longer one. */
export function withMore<T extends Numbers>(numbers: T, at: number, more: T): T {
  const roomy = withRoom(numbers, at + more.length);
  roomy.set(more, at);
  return roomy;
}
