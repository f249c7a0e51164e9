// A scenario, as far as the page looks into it. What the page does not know it keeps as it is; whether a scenario makes
// sense, only the simulation says.

export interface Link {
  delay?: number;
  jitter?: number;
  loss?: number;
  burst?: { enter: number; leave: number };
  duplicate?: number;
  reorder?: number;
  held?: number;
}

export interface Nat {
  mapping?: string;
  filtering?: string;
  idle?: number;
  shared?: boolean;
  hairpin?: boolean;
}

export type Policy =
  | 'well_behaved'
  | 'manual'
  | { fixed: { every: number } }
  | { lazy: { from: number; to: number } }
  | { noise: { every: number } }
  | { thief: { victim: number; every: number } };

export interface Client {
  name?: string;
  count?: number;
  policy?: Policy;
  nat?: Nat;
  link?: Link;
  starts?: number;
  spread?: number;
  silent?: [number, number][];
  clock?: { offset?: number; drift_ppm?: number };
  asks?: { peer: number; every: number };
  meets?: number;
}

export type Command = string | Record<string, number>;

export type Action =
  | { do: 'advance'; millis: number }
  | { do: 'until'; at: number }
  | { do: 'command'; client: number; command: Command }
  | { do: 'lose'; client: number; way: string; datagrams: number }
  | { do: 'link'; client: number | null; link: Link }
  | { do: 'rebind'; client: number; address?: boolean }
  | { do: 'stall'; millis: number }
  | { do: 'restart'; down: number; rebooted: boolean; forgets?: boolean }
  | { do: 'crash'; down: number; rebooted: boolean; unwritten: number }
  | { do: 'step_wall_clock'; millis: number }
  | { do: 'register'; client: number }
  | { do: 'pulse'; client: number; from: string }
  | { do: 'datagram'; from: string; payload: string }
  | { do: 'verify'; client: number }
  | { do: 'logout'; client: number }
  | { do: 'look_up'; client: number; peer: number | null }
  | { do: 'status'; client: number; peer: number | null }
  | { do: 'tick'; budget: number };

export interface Timing {
  pulse_interval: number;
  pulse_grace: number;
  error_time: number;
}

export interface Scenario {
  version: number;
  title?: string;
  watch?: string;
  rule?: string;
  setup: { timing: Timing; reply_width?: number; start?: unknown; seed?: number };
  link?: Link;
  clients?: Client[];
  actions: Action[];
}
