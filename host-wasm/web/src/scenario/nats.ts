// The NATs that the form offers, by the names engineers know them by. Others can be written as JSON.

import type { Nat } from './types';

export const NATS: { name: string; nat: Nat | undefined }[] = [
  { name: 'none', nat: undefined },
  { name: 'full cone', nat: { mapping: 'endpoint_independent', filtering: 'endpoint_independent', idle: 120_000 } },
  { name: 'restricted', nat: { mapping: 'endpoint_independent', filtering: 'address_dependent', idle: 120_000 } },
  {
    name: 'port-restricted',
    nat: { mapping: 'endpoint_independent', filtering: 'address_and_port_dependent', idle: 120_000 },
  },
  {
    name: 'symmetric',
    nat: { mapping: 'address_and_port_dependent', filtering: 'address_and_port_dependent', idle: 120_000 },
  },
];

export const OTHER_NAT = 'other';

export function natName(nat: Nat | undefined): string {
  const same = NATS.find((one) => one.nat?.mapping === nat?.mapping && one.nat?.filtering === nat?.filtering);
  return same?.name ?? OTHER_NAT;
}

/** A NAT of that name, with the idle time and the rest of the one before. */
export function natNamed(name: string, before: Nat | undefined): Nat | undefined {
  const nat = NATS.find((one) => one.name === name)?.nat;
  if (!nat) return undefined;
  return {
    ...nat,
    ...(before?.idle === undefined ? {} : { idle: before.idle }),
    ...(before?.shared ? { shared: true } : {}),
    ...(before?.hairpin ? { hairpin: true } : {}),
  };
}
