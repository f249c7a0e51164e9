// What goes wrong is said in words, and the page goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLink } from './lib/links.mjs';
import { assertSameWasm, preset, presets, refusal, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();

assertSameWasm();

const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;
const pretty = (scenario) => `${JSON.stringify(scenario, null, 2)}\n`;
const base = preset('01').scenario;

const MISTAKES = {
  'a version that is not known': [pretty({ ...base, version: 2 }), /version/],
  'a field that is not known': [pretty({ ...base, colour: 'green' }), /unknown field.*colour/],
  'a field of a client that is not known': [pretty({ ...base, clients: [{ ...base.clients[0], mood: 'good' }] }), /mood/],
  'an impossible number': [pretty({ ...base, link: { loss: 1.5 } }), /loss|1\.5|probability/],
  'a negative number': [pretty({ ...base, link: { delay: -5 } }), /-5|delay/],
  'an interval of nothing': [pretty({ ...base, setup: { ...base.setup, timing: { ...base.setup.timing, pulse_interval: 0 } } }), /interval/],
  'a client that is not there': [pretty({ ...base, actions: [{ do: 'rebind', client: 77, address: false }] }), /77/],
  'an action that is none': [pretty({ ...base, actions: [{ do: 'dance', client: 0 }] }), /dance/],
  'broken JSON': [pretty(base).replace('"setup": {', '"setup": {,'), /./],
  'JSON that ends too soon': [pretty(base).slice(0, 200), /EOF|end/i],
  'no text at all': ['', /EOF|end/i],
};

test('each mistake is told beside the editor, with its line and its reason', async (t) => {
  const simulator = await site.open(t, at('01', '&t=65000'));
  const { digest } = run(preset('01').text);
  const rows = await simulator.tableText();
  for (const [what, [text, about]] of Object.entries(MISTAKES)) {
    await t.test(what, async () => {
      const { reason, line } = refusal(text);
      assert.match(reason, about, 'the reason names what is wrong');
      await simulator.runText(text);
      await simulator.phase('failed');
      const says = await simulator.mistake.innerText();
      assert.ok(says.includes(reason), `"${says}" includes "${reason}"`);
      if (line !== null) {
        assert.match(says, new RegExp(`Line ${line}\\b`), 'it says the line');
        const quote = text.split('\n')[line - 1].trim();
        if (quote) assert.ok(says.includes(quote), 'it shows the line');
      }
      assert.equal(await simulator.editor.getAttribute('aria-invalid'), 'true');
      assert.equal(await simulator.editor.getAttribute('aria-describedby'), 'scenario-mistake');
      assert.equal(await simulator.editor.inputValue(), text, 'what was typed is still there');
      assert.ok(await simulator.alert.filter({ hasText: reason }).isVisible(), 'it is announced');
      assert.ok(await simulator.story(base.title).isVisible(), 'the earlier run is still shown');
      assert.deepEqual(await simulator.tableText(), rows, 'with its events');
      await simulator.button('Step forward').click();
      assert.ok((await simulator.time()) >= 65_000, 'one can go on in it');
      await simulator.seek(65_000);
      await simulator.button('Clear').click();
    });
  }
  await simulator.button('Undo changes').click();
  await simulator.button('Run').click();
  await simulator.until('it runs again', (state) => state.phase === 'ready' && state.digest === digest);
  assert.equal(await simulator.mistake.count(), 0);
});

test('the line of a mistake is shown at a press of a button', async (t) => {
  const simulator = await site.open(t, at('01'));
  const text = pretty({ ...base, colour: 'green' });
  const { line } = refusal(text);
  await simulator.runText(text);
  await simulator.button(`Show line ${line}`).click();
  const selected = await simulator.editor.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd));
  assert.equal(selected, text.split('\n')[line - 1]);
  assert.equal(await simulator.page.evaluate(() => document.activeElement.id), 'scenario-json');
});

for (const [what, hash] of [
  ['a damaged deflated link', '#s=AAAA_not_deflated'],
  ['a link whose end was cut off', '#s=q1YqSy0qzszPU7Iy'],
  ['a link of strange letters', '#s=%C3%A4%C3%B6!'],
]) {
  test(`${what} says so and shows the first preset`, async (t) => {
    const simulator = await site.open(t, hash);
    const [says] = await simulator.alert.allInnerTexts();
    assert.match(says ?? '', /link could not be opened/i);
    assert.equal((await simulator.state()).digest, run(presets[0].text).digest);
    await simulator.choose(preset('09').scenario.title);
    assert.equal(await simulator.alert.count(), 0, 'the warning ends with the next scenario');
  });
}

test('a link with a mistake in its scenario says where', async (t) => {
  const text = '{\n  "version": 1,\n  "nonsense": true\n}';
  const { reason, line } = refusal(text);
  const simulator = await site.open(t, plainLink(text), { wait: false });
  await simulator.phase('failed');
  const says = await simulator.mistake.innerText();
  assert.ok(says.includes(reason) && says.includes(`Line ${line}`), says);
  assert.equal(await simulator.editor.inputValue(), text, 'the scenario is there to be mended');
  await simulator.choose(base.title);
});

test('a preset that there is not says so', async (t) => {
  const simulator = await site.open(t, '#preset=99-no-such-preset', { wait: false });
  await simulator.alert.filter({ hasText: '99-no-such-preset' }).waitFor();
  assert.ok(await simulator.presetButtons().first().isVisible());
  await simulator.choose(base.title);
});

const HUGE = {
  version: 1,
  title: 'Too much',
  setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 }, seed: 1 },
  clients: [{ name: 'Crowd', count: 1_000, policy: 'well_behaved', spread: 30_000 }],
  actions: [{ do: 'until', at: 86_400_000 }],
};

test('a scenario that is too large stops, and names the native command', async (t) => {
  const simulator = await site.open(t, at('01'));
  const began = Date.now();
  await simulator.runText(pretty(HUGE));
  await simulator.alert.filter({ hasText: 'too large for the browser' }).waitFor({ timeout: 90_000 });
  t.diagnostic(`1,000 clients for 24 h: stopped after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  const says = (await simulator.alert.innerText()).replace(/\s+/g, ' ');
  assert.match(says, /cargo run --release .*simulate/);
  await simulator.button('Step forward').click();
  assert.notEqual(await simulator.event(), null, 'what there is can be stepped through');
  await simulator.button('To end').click();
  const end = await simulator.time();
  assert.ok(end > 60_000 && end < 86_400_000, `it ends where it stopped, at ${end}`);
  await simulator.choose(preset('02').scenario.title);
  assert.equal((await simulator.state()).digest, run(preset('02').text).digest);
  assert.equal(await simulator.alert.count(), 0);
});

test('a scenario that is too large can be left while it runs', async (t) => {
  const simulator = await site.open(t, at('01'));
  await simulator.runText(pretty(HUGE));
  await simulator.story('Too much').waitFor();
  await simulator.choose(preset('03').scenario.title);
  assert.equal((await simulator.state()).digest, run(preset('03').text).digest);
  await simulator.page.waitForTimeout(500);
  assert.ok(await simulator.story(preset('03').scenario.title).isVisible(), 'nothing of the other comes after it');
});

test('without the simulation there is text, and later another try', async (t) => {
  site.trouble.missing = '.wasm';
  t.after(() => (site.trouble.missing = null));
  const simulator = await site.open(t, '', { wait: false, expected: [/404/, /wasm streaming compile|WebAssembly/i] });
  await simulator.phase('failed');
  assert.match(await simulator.alert.innerText(), /simulation could not be loaded/i);
  assert.ok(await simulator.page.getByRole('heading', { level: 1 }).isVisible());
  assert.equal(await simulator.presetButtons().count(), presets.length);
  site.trouble.missing = null;
  await simulator.choose(preset('02').scenario.title);
  assert.equal((await simulator.state()).digest, run(preset('02').text).digest, 'when it is there again, it runs');
});
