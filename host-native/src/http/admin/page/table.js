// The history as a table, for whoever cannot or would rather not read charts.

import { element } from './chart.js';
import { EVENTS, count, timeOf } from './figures.js';

const MINUTE = 60_000;

const HEADS = {
  online: 'Online',
  pending: 'Pending',
  on_time: 'Pulses on time',
  late: 'Late',
  unknown: 'Unknown',
  registrations: 'Registrations',
  lookups: 'Lookups',
  dropped: 'Not a pulse',
  kernel_drops: 'Lost by the kernel',
  refused: 'Refused by a limit',
};

/** Adds samples up by minutes of the clock, the latest first. */
function minutesOf(samples) {
  const minutes = new Map();
  for (const sample of samples) {
    const from = Math.floor(sample.at / MINUTE) * MINUTE;
    const minute = minutes.get(from) ?? { from, ...Object.fromEntries(EVENTS.map((event) => [event, 0])) };
    Object.assign(minute, { online: sample.online, pending: sample.pending });
    for (const event of EVENTS) minute[event] += sample.events[event];
    minutes.set(from, minute);
  }
  return [...minutes.values()].sort((a, b) => b.from - a.from);
}

export function fillHeads(row) {
  const heads = ['From', ...Object.values(HEADS)].map((head) => element('th', { scope: 'col' }, head));
  row.replaceChildren(...heads);
}

export function fillRows(body, samples) {
  const rows = minutesOf(samples).map((minute) => {
    const cells = Object.keys(HEADS).map((key) => element('td', {}, count(minute[key])));
    return element('tr', {}, element('th', { scope: 'row' }, timeOf(minute.from).slice(0, 5)), ...cells);
  });
  body.replaceChildren(...rows);
}
