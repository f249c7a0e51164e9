// Changes of a scenario by path. The old one stays as it is.

type Tree = Record<string, unknown>;

/** A copy with the value at `path` replaced; `undefined` removes it. */
export function withValue<T>(tree: T, path: readonly (string | number)[], value: unknown): T {
  const [key, ...rest] = path;
  if (key === undefined) return value as T;
  if (Array.isArray(tree)) {
    const copy: unknown[] = [...tree];
    copy[Number(key)] = withValue(copy[Number(key)], rest, value);
    return copy as T;
  }
  const copy: Tree = { ...((tree ?? {}) as Tree) };
  const changed = withValue(copy[key], rest, value);
  if (changed === undefined) delete copy[key];
  else copy[key] = changed;
  return copy as T;
}

export function valueAt(tree: unknown, path: readonly (string | number)[]): unknown {
  let value = tree;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Tree)[key];
  }
  return value;
}

/** A copy with item `from` at place `to`. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const copy = [...items];
  const [item] = copy.splice(from, 1);
  if (item !== undefined) copy.splice(to, 0, item);
  return copy;
}

export const without = <T>(items: readonly T[], index: number): T[] => items.filter((_, i) => i !== index);

/** Every client number that the actions of a scenario name. */
export function namedClients(actions: readonly unknown[]): number[] {
  const named = new Set<number>();
  for (const action of actions) {
    for (const key of ['client', 'peer']) {
      const value = valueAt(action, [key]);
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0) named.add(value);
    }
  }
  return [...named].sort((a, b) => a - b);
}
