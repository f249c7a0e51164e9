// Log lines as columns of numbers: small, quick to search, and cheap to hand from the worker to the page. The text of the
// lines is kept beside them, and a line is read again only when somebody looks at it.

import type { LogLine, Standing, Fate, Who } from './log';

/** What a line is about. */
export const Kind = {
  action: 0,
  sent: 1,
  arrived: 2,
  answered: 3,
  standing: 4,
  client: 5,
  server: 6,
  network: 7,
  violation: 8,
} as const;

/** What a message carries; an answer of the server is a message, too. */
export const Carries = { pulse: 1, noise: 2, request: 3, probe: 4, probe_answer: 5, reply: 6 } as const;

export const STANDINGS: readonly Standing[] = ['ONLINE', 'PENDING', 'LATE', 'GONE', 'LEFT'];
export const FATES: readonly Fate[] = [
  'unmapped',
  'filtered',
  'not turned back',
  'refused',
  'asleep',
  'queued',
  'nobody',
];

export const SERVER = -1;
export const NOBODY = -2;

/** What the server's lane shows from a line of the server on. */
export const ServerState = { running: 1, stopped: 2, stalled: 3 } as const;
const SERVER_STATES: Record<string, number> = {
  stops: ServerState.stopped,
  starts: ServerState.running,
  stalls: ServerState.stalled,
  resumes: ServerState.running,
};

export interface Columns {
  count: number;
  /** The lines, each with its line end. */
  text: string;
  /** Where in the text a line begins. */
  start: Uint32Array<ArrayBuffer>;
  at: Float64Array<ArrayBuffer>;
  kind: Uint8Array<ArrayBuffer>;
  /** The client the line is about, or the sender. */
  client: Int32Array<ArrayBuffer>;
  /** To whom a message or an answer goes. */
  peer: Int32Array<ArrayBuffer>;
  /** The message; of an action its index. */
  message: Int32Array<ArrayBuffer>;
  /** The message that takes the answer back. */
  reply: Int32Array<ArrayBuffer>;
  /** When the message, or the answer, arrives; NaN if it does not. */
  arrives: Float64Array<ArrayBuffer>;
  /** What is carried, the code or status of an answer, the standing, the fate, or the number of the invariant. */
  code: Uint16Array<ArrayBuffer>;
}

const lane = (who: Who | null | undefined): number =>
  who === 'server' ? SERVER : (who ?? NOBODY);

export function emptyColumns(count: number, text: string): Columns {
  return {
    count,
    text,
    start: new Uint32Array(count),
    at: new Float64Array(count),
    kind: new Uint8Array(count),
    client: new Int32Array(count).fill(NOBODY),
    peer: new Int32Array(count).fill(NOBODY),
    message: new Int32Array(count).fill(-1),
    reply: new Int32Array(count).fill(-1),
    arrives: new Float64Array(count).fill(NaN),
    code: new Uint16Array(count),
  };
}

function fill(columns: Columns, i: number, line: LogLine): void {
  columns.at[i] = line.at;
  columns.kind[i] = Kind[line.event];
  switch (line.event) {
    case 'action':
      columns.message[i] = line.index;
      break;
    case 'sent':
      columns.client[i] = lane(line.from);
      columns.peer[i] = lane(line.to);
      columns.message[i] = line.message;
      columns.arrives[i] = line.arrives ?? NaN;
      columns.code[i] = Carries[line.carries.kind];
      break;
    case 'arrived':
      columns.message[i] = line.message;
      columns.code[i] = FATES.indexOf(line.fate);
      break;
    case 'answered':
      columns.client[i] = lane(line.client);
      columns.message[i] = line.message;
      columns.code[i] = line.code ?? line.status ?? 0;
      if (line.reply) {
        columns.reply[i] = line.reply.message;
        columns.peer[i] = lane(line.reply.to);
        columns.arrives[i] = line.reply.arrives ?? NaN;
      }
      break;
    case 'standing':
      columns.client[i] = line.client;
      columns.code[i] = STANDINGS.indexOf(line.is);
      break;
    case 'client':
      columns.client[i] = line.client;
      break;
    case 'server':
      columns.client[i] = SERVER;
      columns.code[i] = SERVER_STATES[line.does] ?? 0;
      break;
    case 'network':
      columns.client[i] = lane(line.client);
      break;
    case 'violation':
      columns.client[i] = lane(line.client);
      columns.message[i] = line.message ?? -1;
      columns.code[i] = Number(line.invariant.slice(1));
      break;
  }
}

/** Reads log lines, each ended by "\n", into columns. */
export function toColumns(text: string): Columns {
  const starts: number[] = [];
  for (let from = 0; from < text.length; ) {
    starts.push(from);
    const end = text.indexOf('\n', from);
    from = end < 0 ? text.length : end + 1;
  }
  const columns = emptyColumns(starts.length, text);
  starts.forEach((start, i) => {
    columns.start[i] = start;
    fill(columns, i, JSON.parse(text.slice(start, starts[i + 1] ?? text.length)) as LogLine);
  });
  return columns;
}

/** The buffers that can be handed over instead of copied. */
export const buffersOf = (columns: Columns): ArrayBuffer[] =>
  [
    columns.start,
    columns.at,
    columns.kind,
    columns.client,
    columns.peer,
    columns.message,
    columns.reply,
    columns.arrives,
    columns.code,
  ].map((column) => column.buffer);
