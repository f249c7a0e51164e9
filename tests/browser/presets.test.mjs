// Every preset: it opens, it shows what the simulation itself says, and it can be played and stepped through.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSameWasm, presets, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();

assertSameWasm();

const counted = (checks) => `holds (${checks.toLocaleString('en-GB')} ${checks === 1 ? 'check' : 'checks'})`;

async function story(simulator, { scenario }) {
  const { title, watch, rule } = scenario;
  const part = simulator.story(title);
  assert.ok(await part.getByRole('heading', { name: title, exact: true }).isVisible(), 'the title is to be seen');
  assert.ok(watch && rule, 'the preset says what to watch, and the rule');
  assert.ok(await part.getByText(watch, { exact: true }).isVisible(), 'what to watch is to be seen');
  assert.ok(await part.getByText(rule, { exact: true }).isVisible(), 'the rule is to be seen');
}

async function invariants(simulator, reference) {
  assert.match(await simulator.secondRun(), new RegExp(`^I4 holds \\(ran twice, digest ${reference.digest}\\)`));
  const said = await simulator.invariants();
  assert.deepEqual(Object.keys(said), ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7']);
  for (const [name, { checks, violations }] of Object.entries(reference.summary.invariants)) {
    assert.equal(violations, 0, `${name} holds in Node`);
    const wanted = checks === 0 ? 'not checked yet' : counted(checks);
    assert.ok(said[name].startsWith(wanted), `${name}: "${said[name]}" begins with "${wanted}"`);
  }
}

async function steps(simulator, reference) {
  await simulator.button('To start').click();
  assert.deepEqual([await simulator.time(), await simulator.event()], [0, null], 'the start is before every event');
  for (const event of [0, 1, 2]) {
    await simulator.button('Step forward').click();
    assert.deepEqual([await simulator.time(), await simulator.event()], [reference.lines[event].at, event]);
  }
  await simulator.button('Step back').click();
  assert.deepEqual([await simulator.time(), await simulator.event()], [reference.lines[1].at, 1], 'one event back');
  const changes = reference.lines.filter(({ event, number }) => event === 'standing' && number > 1);
  for (const change of changes.slice(0, 2)) {
    await simulator.button('Next change').click();
    assert.deepEqual([await simulator.time(), await simulator.event()], [change.at, change.number], 'the next change');
    assert.match((await simulator.row(change.number)).what, new RegExp(`is ${change.is}$`));
  }
  await simulator.button('To end').click();
  assert.equal(await simulator.time(), reference.end, 'the end of the run');
}

async function play(simulator, reference) {
  await simulator.pause();
  await simulator.button('To start').click();
  await simulator.speed(10).check();
  await simulator.button('Play').click();
  const moving = await simulator.until('time goes on', ({ time }) => time > 300);
  await simulator.pause();
  const { time } = await simulator.state();
  assert.ok(time >= moving.time && time <= reference.end, 'it stops where it is');
}

test('the list shows every preset, in order', async (t) => {
  const simulator = await site.open(t);
  const titles = await simulator.presetButtons().allInnerTexts();
  assert.ok(presets.length >= 22, `there are ${presets.length} presets`);
  assert.deepEqual(titles, presets.map(({ scenario }) => scenario.title));
  assert.equal((await simulator.state()).digest, run(presets[0].text).digest, 'the first one is shown at first');
});

async function check(simulator, preset, reference) {
  assert.equal((await simulator.state()).digest, reference.digest, 'the digest is that of Node');
  assert.deepEqual(await simulator.scenario(), preset.scenario, 'the editor shows the preset');
  const current = await simulator.presetButtons().and(simulator.page.locator('[aria-current="true"]')).allInnerTexts();
  assert.deepEqual(current, [preset.scenario.title], 'the list says which one it is');
  await story(simulator, preset);
  await play(simulator, reference);
  await steps(simulator, reference);
  await invariants(simulator, reference);
}

// Every other preset by its link, each in a fresh browser; the rest by clicks, all in one page.
for (const preset of presets.filter((_, i) => i % 2 === 0)) {
  test(`preset ${preset.name}, by its link`, async (t) => {
    const simulator = await site.open(t, `#preset=${preset.name}`);
    await check(simulator, preset, run(preset.text));
  });
}

test('presets by clicks', async (t) => {
  const simulator = await site.open(t);
  for (const preset of presets.filter((_, i) => i % 2 === 1)) {
    await t.test(`preset ${preset.name}, by a click`, async () => {
      await simulator.choose(preset.scenario.title);
      await check(simulator, preset, run(preset.text));
    });
  }
});
