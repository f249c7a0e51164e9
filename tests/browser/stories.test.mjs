// What the presets are about: the moments that each one promises are in the table of events and in the inspector.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSameWasm, preset, run } from './lib/reference.mjs';
import { exactSeconds, seconds } from './lib/simulator.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();

assertSameWasm();

const [ANN, BEN] = [0, 1];
const answered = (client, answer, from = 0) => (line) =>
  line.event === 'answered' && line.client === client && (line.code ?? line.status) === answer && line.at >= from;
const standing = (client, is, from = 0) => (line) =>
  line.event === 'standing' && line.client === client && line.is === is && line.at >= from;
const does = (client, what, from = 0) => (line) =>
  line.event === 'client' && line.client === client && line.does === what && line.at >= from;
const told = (client, port, from) => (line) =>
  line.event === 'answered' && line.client === client && line.body?.port === port && line.at >= from;
const server = (what) => (line) => line.event === 'server' && line.does === what;
const network = (client, what) => (line) => line.event === 'network' && line.client === client && line.does === what;

const pulseAnswer = (to, answer) => ({ from: 'server', to, what: /^answer to .*pulse/i, answer });
const requestAnswer = (to, what, answer) => ({ from: 'server', to, what, answer });
const LOOKUP = /^answer to GET \/peer\/.*\/udp$/;
const change = (name, is) => ({ from: name, to: '', what: new RegExp(`^is ${is}$`), answer: '' });
const doing = (name, what) => ({ from: name, to: '', what, answer: '' });

// For each preset: what to look for in the log, what its row says, and when it has to be, where the title names a time.
const STORIES = {
  '01': [{ finds: answered(ANN, 1020, 1_000), row: pulseAnswer('Ann', '1020') }],
  '02': [
    { finds: answered(ANN, 1020, 30_000), at: 30_900, row: pulseAnswer('Ann', '1020') },
    { finds: standing(BEN, 'LATE'), at: 31_000, row: change('Ben', 'LATE') },
    { finds: answered(BEN, 1050), at: 31_000, row: pulseAnswer('Ben', '1050') },
  ],
  '03': [
    { finds: answered(ANN, 1050), at: 209_000, row: pulseAnswer('Ann', '1050') },
    { finds: standing(BEN, 'GONE'), at: 210_000, row: change('Ben', 'GONE') },
    { finds: answered(BEN, 1060), at: 210_000, row: pulseAnswer('Ben', '1060') },
    { finds: answered(BEN, 401), at: 211_000, row: requestAnswer('Ben', /^answer to .*verif/i, '401') },
  ],
  '04': [
    { finds: answered(ANN, 1050), row: pulseAnswer('Ann', '1050') },
    { finds: told(BEN, 40_000, 60_100), row: requestAnswer('Ben', LOOKUP, '200') },
    { finds: standing(ANN, 'ONLINE', 70_000), row: change('Ann', 'ONLINE') },
    { finds: answered(ANN, 1020, 75_000), row: pulseAnswer('Ann', '1020') },
    { finds: told(BEN, 40_001, 75_000), row: requestAnswer('Ben', LOOKUP, '200') },
  ],
  '05': [{ finds: does(2, 'repeats its pulse'), row: doing('Cleo', /^repeats its pulse/) }],
  '06': [
    { finds: standing(ANN, 'LATE'), row: change('Ann', 'LATE') },
    { finds: answered(ANN, 1050), row: pulseAnswer('Ann', '1050') },
  ],
  '07': [{ finds: network(ANN, 'rebinds'), at: 60_000, row: { from: 'network of Ann', what: /^rebinds/, answer: '' } }],
  '08': [{ finds: does(2, 'gives up'), row: doing('Cleo', /^gives up: no answer/) }],
  '09': [
    { finds: does(ANN, 'connected'), row: doing('Ann', /^connected: with client 1/) },
    { finds: does(BEN, 'connected'), row: doing('Ben', /^connected: with client 0/) },
  ],
  10: [
    { finds: does(ANN, 'gives up'), row: doing('Ann', /^gives up: no answer/) },
    { finds: does(BEN, 'gives up'), row: doing('Ben', /^gives up: no answer/) },
  ],
  11: [
    { finds: standing(ANN, 'LEFT'), row: change('Ann', 'LEFT') },
    { finds: answered(BEN, 404, 60_000), row: requestAnswer('Ben', /^answer to GET \/peer\//, '404') },
    { finds: answered(ANN, 1060), row: pulseAnswer('Ann', '1060') },
    { finds: answered(ANN, 401), row: requestAnswer('Ann', /^answer to POST \/.*verif/, '401') },
  ],
  12: [
    { finds: server('stops'), at: 60_000, row: { from: 'server', what: /^stops/, answer: '' } },
    { finds: server('starts'), at: 65_000, row: { from: 'server', what: /^starts: knowing nobody/, answer: '' } },
    { finds: answered(ANN, 1060), row: pulseAnswer('Ann', '1060') },
    { finds: does(ANN, 'registers again'), row: doing('Ann', /^registers again/) },
  ],
  13: [{ finds: standing(ANN, 'PENDING'), row: change('Ann', 'PENDING') }],
  14: [
    { finds: server('stalls'), at: 50_000, row: { from: 'server', what: /^stalls/, answer: '' } },
    { finds: server('resumes'), at: 90_000, row: { from: 'server', what: /^resumes/, answer: '' } },
  ],
  16: [
    { finds: server('clock jumps'), at: 50_000, row: { from: 'server', what: /^clock jumps/, answer: '' } },
    { finds: server('wall clock set'), at: 100_000, row: { from: 'server', what: /^wall clock set/, answer: '' } },
  ],
  19: [
    { finds: ({ dropped }) => dropped === 'wrong_length', row: { from: 'server', what: /of noise$/, answer: 'none: wrong length' } },
    { finds: ({ code }) => code === 1060, row: { from: 'server', what: /32 bytes of noise$/, answer: '1060' } },
  ],
  20: [{ finds: answered(BEN, 1050), row: pulseAnswer('Ben', '1050') }],
  22: [
    { finds: server('is killed'), at: 60_000, row: { from: 'server', what: /^is killed/, answer: '' } },
    { finds: server('starts'), at: 65_000, row: { from: 'server', what: /^starts: with the clients that were on disk/, answer: '' } },
    { finds: standing(ANN, 'PENDING'), at: 65_000, row: change('Ann', 'PENDING') },
    { finds: told(2, 40_000, 65_000), row: requestAnswer('Cleo', LOOKUP, '200') },
    { finds: answered(2, 404), row: requestAnswer('Cleo', LOOKUP, '404') },
    { finds: answered(ANN, 1020, 80_000), row: pulseAnswer('Ann', '1020') },
    { finds: told(2, 40_001, 80_000), row: requestAnswer('Cleo', LOOKUP, '200') },
  ],
  23: [
    { finds: does(BEN, 'connected'), row: doing('Ben', /^connected: with client 0 at 198.18.0.1:40000/) },
    { finds: does(ANN, 'connected'), row: doing('Ann', /^connected: with client 1 at 198.18.0.2:40001/) },
  ],
  24: [
    { finds: (line) => line.carries?.kind === 'probe' && line.lost, row: { from: 'Ben', what: /^probe/ } },
    { finds: does(ANN, 'connected'), row: doing('Ann', /^connected: with client 1/) },
    { finds: does(BEN, 'connected'), row: doing('Ben', /^connected: with client 0/) },
  ],
  25: [
    { finds: does(0, 'tries again'), row: doing('Twin 1', /^tries again: no answer/) },
    { finds: does(0, 'gives up'), row: doing('Twin 1', /^gives up: no answer from client 1: they need a relay/) },
    { finds: does(1, 'gives up'), row: doing('Twin 2', /^gives up: no answer from client 0: they need a relay/) },
  ],
  26: [
    { finds: does(0, 'connected'), row: doing('Twin 1', /^connected: with client 1 at 198.18.0.1:40001/) },
    { finds: does(1, 'connected'), row: doing('Twin 2', /^connected: with client 0 at 198.18.0.1:40000/) },
  ],
};

/** Goes to a moment of the log, and looks at its row and at what the inspector says of it. */
async function check(simulator, lines, { finds, at, row }) {
  const line = lines.find(finds);
  assert.ok(line, `the log of Node has what is looked for: ${finds}`);
  if (at !== undefined) assert.equal(line.at, at, 'it is when the preset says');
  await simulator.seek(line.at);
  const shown = await simulator.row(line.number);
  assert.equal(shown.time, exactSeconds(line.at));
  for (const [cell, wanted] of Object.entries(row)) {
    if (wanted instanceof RegExp) assert.match(shown[cell], wanted, `${cell} of event ${line.number}`);
    else assert.equal(shown[cell], wanted, `${cell} of event ${line.number}`);
  }
  await simulator.table.locator(`tr[data-event="${line.number}"]`).getByRole('button').click();
  assert.equal(await simulator.event(), line.number, 'a click on a row selects its event');
  const says = await simulator.inspectorText();
  assert.ok(says.includes(`time ${seconds(line.at)}`), `the inspector says when: ${says}`);
  if (line.code) assert.ok(says.includes(`code ${line.code}`), `the inspector says ${line.code}: ${says}`);
  if (line.body?.port) assert.ok(says.includes(`"port": ${line.body.port}`), `the inspector says the port: ${says}`);
  if (line.status) assert.ok(says.includes(`HTTP status ${line.status}`), `the inspector says ${line.status}: ${says}`);
}

// One page tells all of them, one after the other: nothing of an earlier one may stay.
test('the stories', async (t) => {
  const simulator = await site.open(t);
  for (const number of Object.keys(STORIES).sort()) {
    const { name, text, scenario } = preset(number);
    await t.test(name, async () => {
      await simulator.choose(scenario.title);
      await simulator.pause();
      assert.equal(await simulator.event(), null, 'no event of an earlier preset is selected');
      const { lines } = run(text);
      for (const moment of STORIES[number]) await check(simulator, lines, moment);
    });
  }
});

test('every accepted pulse of preset 01 is in the table, and nothing else is called 1020', async (t) => {
  const { name, text } = preset('01');
  const { lines, summary } = run(text);
  assert.ok(lines.length < 200, 'the table holds the whole run at once');
  const simulator = await site.open(t, `#preset=${name}&t=120000`);
  const shown = (await simulator.tableText()).filter((row) => /server .*answer to pulse 1020$/.test(row));
  assert.equal(shown.length, summary.codes['1020']);
});
