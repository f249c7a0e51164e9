// The page: asks the server for its figures every five seconds and shows them.

import { Chart } from './chart.js';
import { count, duration, exact, rate, samplesOf, timeOf } from './figures.js';
import { fillHeads, fillRows } from './table.js';

const EVERY = 5_000;
const PATIENCE = 4_000;

const STATES = {
  ready: 'Ready',
  draining: 'Draining: about to stop',
  store_failing: 'The store cannot be written',
  store_away: 'The store does not answer',
  lost: 'No answer',
};

const part = (id) => document.getElementById(id);
const write = (id, text) => (part(id).textContent = text);

const perSecond = (value) => `${rate(value)}/s`;
const root = part('charts');
const charts = [
  new Chart(root, {
    title: 'Clients by status',
    unit: 'clients',
    stacked: true,
    format: count,
    series: [
      { key: 'online', label: 'Online', colour: 'teal' },
      { key: 'pending', label: 'Pending', colour: 'amber', hatch: true, dash: '6 3' },
    ],
  }),
  new Chart(root, {
    title: 'Pulses by answer',
    unit: 'per second',
    format: perSecond,
    series: [
      { key: 'on_time', label: '1020 on time', colour: 'teal' },
      { key: 'late', label: '1050 late', colour: 'amber', dash: '7 4' },
      { key: 'unknown', label: '1060 unknown', colour: 'red', dash: '2 3' },
    ],
  }),
  new Chart(root, {
    title: 'Requests',
    unit: 'per second',
    format: perSecond,
    series: [
      { key: 'lookups', label: 'Lookups', colour: 'blue' },
      { key: 'registrations', label: 'Registrations', colour: 'violet', dash: '7 4' },
    ],
  }),
  new Chart(root, {
    title: 'Drops and refusals',
    unit: 'per second',
    format: perSecond,
    series: [
      { key: 'dropped', label: 'Not a pulse', colour: 'blue' },
      { key: 'refused', label: 'Refused', colour: 'amber', dash: '7 4' },
      { key: 'kernel_drops', label: 'Lost by the kernel', colour: 'red', dash: '2 3' },
    ],
  }),
];
fillHeads(part('heads'));
let answeredAt = null;

function showState(state, banner) {
  document.documentElement.dataset.state = state;
  if (part('state-text').textContent !== STATES[state]) write('state-text', STATES[state]);
  part('banner').hidden = banner === null;
  if (banner !== null && part('banner').textContent !== banner) write('banner', banner);
}

function bannerOf(state) {
  if (state === 'draining') return 'The server was told to stop. It finishes the requests that were begun, and is then gone.';
  if (state === 'store_failing') {
    return 'The store cannot be written: registrations and logouts are refused until it can. Pulses and lookups go on. The log says why.';
  }
  if (state === 'store_away') {
    return 'The store that the nodes share does not answer: pulses get no answer, and requests are refused until it is back. Nobody is forgotten because of it. The log says why.';
  }
  return null;
}

const STORES = {
  file: ['In a file', (store) => `${count(store.waiting_changes)} changes wait to be written`],
  memory: ['In memory', () => 'a restart forgets the clients'],
  shared: ['Shared', () => 'all nodes have the same clients'],
};

function showNow(status, samples) {
  const { clients, store, timing, version } = status;
  write('clients', count(clients.total));
  write('clients-note', clients.online === null ? 'roughly, of all nodes' : `${count(clients.online)} online, ${count(clients.pending)} pending`);
  const last = samples.at(-1);
  const pulses = last ? last.on_time + last.late + last.unknown : 0;
  write('pulses', last ? rate(pulses) : '–');
  write('pulses-note', !last ? 'the first figure comes after 5 s' : pulses > 0 ? `${Math.floor((100 * last.on_time) / pulses)} % on time` : 'none of late');
  const [where, note] = STORES[store.kind];
  write('store', store.failing ? 'Failing' : where);
  write('store-note', note(store));
  write('uptime', duration(status.uptime_ms));
  write('uptime-note', `version ${version}`);
  const heard = timing.pulse_interval_ms + timing.pulse_grace_ms;
  const gone = timing.pulse_interval_ms + timing.error_time_ms;
  write('timing', `Online: heard less than ${exact(heard)} ago. Gone: silent for ${exact(gone)}.`);
}

async function update() {
  try {
    const answer = await fetch('/status.json', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = await answer.json();
    answeredAt = Date.now();
    const samples = samplesOf(status.history, answeredAt);
    showNow(status, samples);
    // With a store that nodes share nobody knows how many are online.
    charts[0].figure.hidden = status.clients.online === null;
    for (const chart of charts) chart.draw(samples);
    fillRows(part('rows'), samples);
    showState(status.state, bannerOf(status.state));
  } catch {
    const known = answeredAt === null ? 'Nothing is known of it yet.' : `What is shown here is from ${timeOf(answeredAt)}.`;
    showState('lost', `The server does not answer. ${known}`);
  }
  setTimeout(update, EVERY);
}

update();
