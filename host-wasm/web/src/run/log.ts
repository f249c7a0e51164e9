// The lines of the simulation's log, as the wasm writes them. Times are whole virtual milliseconds since the beginning.

export type Who = 'server' | number;
export type Standing = 'ONLINE' | 'PENDING' | 'LATE' | 'GONE' | 'LEFT';
export type Fate = 'unmapped' | 'filtered' | 'not turned back' | 'refused' | 'asleep' | 'queued' | 'nobody';
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7';
export type Loss = 'loss' | 'burst' | 'ordered' | 'stopped';

export type Carried =
  | { kind: 'pulse'; key_of: number }
  | { kind: 'noise'; length: number; hex: string }
  | { kind: 'request'; method: string; path: string }
  | { kind: 'probe' }
  | { kind: 'probe_answer' };

export interface ActionLine {
  at: number;
  event: 'action';
  index: number;
}

export interface SentLine {
  at: number;
  event: 'sent';
  message: number;
  /** Null: nobody's, put straight to the server. */
  from: number | null;
  to: Who | null;
  carries: Carried;
  /** "direct" if it came over no network. */
  source: string;
  destination: string;
  arrives: number | null;
  lost?: Loss;
  copy_of?: number;
  resent?: number;
}

export interface ArrivedLine {
  at: number;
  event: 'arrived';
  message: number;
  fate: Fate;
}

export interface Reply {
  message: number;
  to: number | null;
  destination: string;
  arrives: number | null;
  lost?: string;
}

export interface AnsweredLine {
  at: number;
  event: 'answered';
  message: number;
  client: number | null;
  code?: number;
  bytes?: string;
  status?: number;
  body?: unknown;
  dropped?: string;
  changes?: unknown[];
  reply?: Reply;
}

export interface StandingLine {
  at: number;
  event: 'standing';
  client: number;
  is: Standing;
}

export interface ClientLine {
  at: number;
  event: 'client';
  client: number;
  does: string;
  detail?: string;
}

export interface ServerLine {
  at: number;
  event: 'server';
  does: string;
  detail?: string;
}

export interface NetworkLine {
  at: number;
  event: 'network';
  client: number | null;
  does: string;
  detail?: string;
}

export interface ViolationLine {
  at: number;
  event: 'violation';
  invariant: Invariant;
  client?: number;
  message?: number;
  says: string;
}

export type LogLine =
  | ActionLine
  | SentLine
  | ArrivedLine
  | AnsweredLine
  | StandingLine
  | ClientLine
  | ServerLine
  | NetworkLine
  | ViolationLine;

/** Who is in a scenario. It is known before the run. */
export interface Cast {
  timing: { pulse_interval: number; pulse_grace: number; error_time: number };
  end: number | null;
  clients: CastClient[];
  server: { udp: string; http: string };
}

export interface CastClient {
  client: number;
  name: string;
  id: string;
  policy: string;
  address: string;
  nat: string | null;
  clock_offset: number;
  drift_ppm: number;
}

export interface Summary {
  events: number;
  messages: number;
  pulses_sent: number;
  lost: number;
  codes: Record<string, number>;
  digest: string;
  invariants: Record<string, { checks: number; violations: number; first: number | null }>;
}
