// Binary search in ascending numbers.

type Ascending = ArrayLike<number>;

/** The first index whose number is at least `value`, among the first `count`. */
export function firstAtLeast(numbers: Ascending, value: number, count = numbers.length): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index whose number is more than `value`, among the first `count`. */
export function firstAfter(numbers: Ascending, value: number, count = numbers.length): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last index whose number is at most `value`, or -1. */
export const lastUpTo = (numbers: Ascending, value: number, count = numbers.length): number =>
  firstAfter(numbers, value, count) - 1;
