// Editing a scenario, and sharing it by a link.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packedLink, plainLink, readLink } from './lib/links.mjs';
import { assertSameWasm, preset, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();

assertSameWasm();

const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;

/** Changes a number, and waits for the run of what the editor then says. */
async function edit(simulator, label, value) {
  const { digest } = await simulator.state();
  await simulator.number(label).first().fill(String(value));
  await simulator.page.keyboard.press('Enter');
  await simulator.until('the run has changed', (state) => state.phase === 'ready' && state.digest !== digest);
  return simulator.scenario();
}

/** Everything that a link has to bring back. */
async function look(simulator) {
  const { digest, time } = await simulator.ready();
  await simulator.secondRun();
  return {
    digest,
    time,
    scenario: await simulator.scenario(),
    inspector: await simulator.inspectorText(),
    table: await simulator.tableText(),
    invariants: await simulator.invariants(),
    drawing: await simulator.page.getByRole('img', { name: /^Time line/ }).getAttribute('aria-label'),
    heads: await simulator.page.getByRole('list', { name: 'Clients', exact: true }).innerText(),
    speed: await simulator.page.locator('input[name="speed"]:checked').inputValue(),
  };
}

test('another seed in the form is another run, the one that Node has', async (t) => {
  const { scenario, text } = preset('15');
  const simulator = await site.open(t, at('15'));
  const edited = await edit(simulator, 'seed', 4_711);
  assert.deepEqual(edited, { ...scenario, setup: { ...scenario.setup, seed: 4_711 } }, 'only the seed has changed');
  const { digest } = await simulator.state();
  assert.equal(digest, run(edited).digest);
  assert.notEqual(digest, run(text).digest);
  await simulator.button('Another seed').click();
  const state = await simulator.until('it runs again', (now) => now.phase === 'ready' && now.digest !== digest);
  assert.equal(state.digest, run(await simulator.scenario()).digest);
});

test('another loss of the link is another run, and the play head stays', async (t) => {
  const simulator = await site.open(t, at('01', '&t=65000'));
  await simulator.unfold('Timing and link');
  const edited = await edit(simulator, 'loss, 0 to 1', 0.4);
  assert.equal(edited.link.loss, 0.4);
  const { digest, time } = await simulator.state();
  const reference = run(edited);
  assert.equal(digest, reference.digest);
  assert.equal(time, 65_000);
  assert.ok(reference.summary.lost > 0, 'something is lost now');
});

test('clients come and go with the form', async (t) => {
  const { scenario } = preset('02');
  const simulator = await site.open(t, at('02'));
  await simulator.unfold(/^Clients/);
  const { digest } = await simulator.state();
  await simulator.button('Add a client').click();
  await simulator.until('there is one more', (state) => state.phase === 'ready' && state.digest !== digest);
  const grown = await simulator.scenario();
  assert.equal(grown.clients.length, scenario.clients.length + 1);
  assert.equal((await simulator.state()).digest, run(grown).digest);
  await simulator.button(`Remove ${grown.clients.at(-1).name}`).click();
  await simulator.until('it is gone again', (state) => state.phase === 'ready' && state.digest === digest);
  assert.deepEqual(await simulator.scenario(), scenario);
});

test('something done at this moment becomes part of the scenario', async (t) => {
  const simulator = await site.open(t, at('01', '&t=65000&c=0'));
  const { lines } = run(preset('01').text);
  const { digest } = await simulator.state();
  await simulator.button('Rebind NAT').click();
  await simulator.until('it runs again', (state) => state.phase === 'ready' && state.digest !== digest);
  const scenario = await simulator.scenario();
  assert.ok(scenario.actions.some((action) => action.do === 'rebind' && action.client === 0));
  const changed = run(scenario);
  assert.equal((await simulator.state()).digest, changed.digest);
  const rebinds = changed.lines.find(({ event, does }) => event === 'network' && does === 'rebinds');
  assert.equal(rebinds.at, 65_000, 'it happens at the moment that was shown');
  const before = (all) => all.filter(({ event, at: moment }) => event !== 'action' && moment < 65_000).map(({ number, ...line }) => line);
  assert.deepEqual(before(changed.lines), before(lines), 'what happened before is as it was');
});

test('a copied link opens the identical state elsewhere', async (t) => {
  const simulator = await site.open(t, at('15'), { permissions: ['clipboard-read', 'clipboard-write'] });
  await edit(simulator, 'seed', 99);
  await simulator.speed(100).check();
  await simulator.lane('').nth(4).click();
  await simulator.seek(123_456);
  await simulator.button('Step forward').click();
  await simulator.button('Zoom in').click();
  await simulator.button('Copy link').click();
  await simulator.page.getByRole('status').filter({ hasText: 'Link copied' }).waitFor();
  const link = await simulator.page.evaluate(() => navigator.clipboard.readText());
  const shown = await look(simulator);
  const held = readLink(link);
  assert.ok(link.startsWith(`${simulator.base}#s=`), link.slice(0, 80));
  assert.deepEqual(held.scenario, shown.scenario, 'the link holds the scenario');
  assert.equal(Number(held.t), shown.time);
  assert.equal(shown.digest, run(held.scenario).digest, 'anybody who has the link has the run');
  const again = await site.open(t, link.slice(link.indexOf('#')));
  assert.equal(await again.playing(), false);
  assert.deepEqual(await look(again), shown);
});

test('the address bar says the same as a copied link', async (t) => {
  const simulator = await site.open(t, at('03', '&t=0&c=1'));
  await simulator.seek(210_000);
  const preset3 = readLink(await simulator.settledHash());
  assert.equal(preset3.preset, preset('03').name, 'a preset has a short address');
  assert.deepEqual([preset3.t, preset3.c], ['210000', '1']);
  await edit(simulator, 'seed', 5);
  const hash = await simulator.settledHash();
  assert.match(hash, /^#s=/);
  const shown = await look(simulator);
  const again = await site.open(t, hash);
  assert.deepEqual(await look(again), shown);
});

test('links made elsewhere open, deflated or plain, with what they ask for', async (t) => {
  const { scenario } = preset('04');
  const other = { ...scenario, title: 'Späte Ärzte & Söhne <b>', setup: { ...scenario.setup, seed: 31 } };
  const { digest, end } = run(other);
  const moment = end - 12_345;
  for (const make of [plainLink, packedLink]) {
    const simulator = await site.open(t, make(other, `&t=${moment}&c=1&x=1000`));
    const state = await simulator.state();
    assert.deepEqual([state.digest, state.time], [digest, moment], make.name);
    assert.deepEqual(await simulator.scenario(), other, make.name);
    assert.ok(await simulator.page.getByRole('heading', { name: other.title, exact: true }).isVisible(), 'titles are only text');
    assert.ok(await simulator.speed(1000).isChecked());
    assert.match(await simulator.inspectorText(), /^Inspector Ben /);
    assert.equal(await simulator.playing(), false);
  }
});

test('a link that a failing property prints opens: no clients, only actions', async (t) => {
  const scenario = {
    version: 1,
    setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 } },
    actions: [
      { do: 'register', client: 0 },
      { do: 'pulse', client: 0, from: '192.0.2.7:4000' },
      { do: 'advance', millis: 31_000 },
      { do: 'pulse', client: 0, from: '192.0.2.8:4000' },
    ],
  };
  const reference = run(scenario);
  assert.deepEqual(reference.lines.flatMap(({ code }) => code ?? []), [1020, 1050], 'Node answers both pulses');
  const simulator = await site.open(t, plainLink(scenario));
  assert.equal((await simulator.state()).digest, reference.digest);
  await simulator.pause();
  await simulator.button('To end').click();
  const late = reference.lines.find(({ code }) => code === 1050);
  const row = await simulator.row(late.number);
  assert.deepEqual([row.time, row.answer], ['31.000', '1050']);
});

test('a link put into the address bar of an open page is opened', async (t) => {
  const simulator = await site.open(t, at('01'));
  const { digest } = run(preset('09').text);
  await simulator.page.evaluate((hash) => {
    location.hash = hash;
  }, at('09'));
  await simulator.until('the other preset is shown', (state) => state.digest === digest);
});
