// Playing, pausing and scrubbing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preset, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();
const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;

/** Counts what the page asks the browser for, whatever it says itself. */
const countRequests = () => {
  window.asked = { frames: 0, timers: 0 };
  const { requestAnimationFrame, setTimeout, setInterval } = window;
  window.requestAnimationFrame = (...all) => (window.asked.frames++, requestAnimationFrame(...all));
  window.setTimeout = (...all) => (window.asked.timers++, setTimeout(...all));
  window.setInterval = (...all) => (window.asked.timers++, setInterval(...all));
};

test('a preset plays when it is opened, and a link to a moment does not', async (t) => {
  const simulator = await site.open(t, at('01', ''));
  assert.ok(await simulator.playing(), 'it plays');
  await simulator.until('time goes on', ({ time }) => time > 0);
  await simulator.open(at('01', '&t=5000'));
  await simulator.page.waitForTimeout(300);
  assert.equal(await simulator.playing(), false, 'a link to a moment stands still');
  assert.equal(await simulator.time(), 5_000);
});

for (const factor of [10, 100]) {
  test(`time runs ${factor} times as fast`, async (t) => {
    const simulator = await site.open(t, at('01'));
    await simulator.speed(factor).check();
    await simulator.button('Play').click();
    await simulator.until('time goes on', ({ time }) => time > 0);
    const measured = await simulator.page.evaluate(async () => {
      const time = () => Number(document.documentElement.dataset.time);
      const [began, from] = [performance.now(), time()];
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return (time() - from) / (performance.now() - began);
    });
    t.diagnostic(`asked for ${factor}×, measured ${measured.toFixed(1)}×`);
    // What is shown follows in steps of about 120 ms; a slow machine loses some frames.
    assert.ok(measured < factor * 1.25 && measured > factor * 0.5, `${measured} is about ${factor}`);
    await simulator.pause();
  });
}

test('nothing happens while paused', async (t) => {
  const page = await site.page(t);
  await page.addInitScript(countRequests);
  await page.goto(`${site.origin}/simulator/${at('01', '')}`);
  await page.locator('html[data-phase="ready"]').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  // The address follows half a second after the pause; the second run ends by then, too.
  await page.waitForTimeout(1_500);
  const look = () =>
    page.evaluate(() => ({
      time: document.documentElement.dataset.time,
      frames: window.rendezvousSimulator.frames,
      ...{ asked: window.asked.frames, timers: window.asked.timers },
    }));
  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable');
  const work = async () => {
    const { metrics } = await client.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const [before, busyBefore] = [await look(), await work()];
  assert.ok(before.frames > 0 && before.asked > 0, 'it did play before');
  await page.waitForTimeout(1_000);
  const busyAfter = await work();
  assert.deepEqual(await look(), before, 'no frame, no timer, no time');
  const layouts = busyAfter.LayoutCount - busyBefore.LayoutCount;
  const script = (busyAfter.ScriptDuration - busyBefore.ScriptDuration) * 1_000;
  t.diagnostic(`paused for 1 s: ${layouts} layouts, ${script.toFixed(1)} ms of script`);
  assert.equal(layouts, 0, 'nothing is laid out anew');
  assert.ok(script < 20, `${script} ms of script`);
});

test('scrubbing back and forth shows the same at the same moment', async (t) => {
  const { end } = run(preset('12').text);
  const simulator = await site.open(t, at('12'));
  await simulator.lane('Ann').click();
  const look = async () => [await simulator.inspectorText(), await simulator.tableText(), await simulator.invariants()];
  const moments = [0, 60_000, 64_999, 65_000, 70_000, 120_001, end];
  const first = new Map();
  await simulator.secondRun();
  for (const moment of moments) {
    await simulator.seek(moment);
    first.set(moment, await look());
  }
  assert.notDeepEqual(first.get(64_999), first.get(65_000), 'a millisecond can matter: the server is back');
  for (const moment of [...moments].reverse()) {
    await simulator.seek(moment);
    assert.deepEqual(await look(), first.get(moment), `at ${moment} ms, coming from later`);
  }
  for (const moment of [120_001, 60_000, end, 0]) {
    await simulator.seek(moment);
    assert.deepEqual(await look(), first.get(moment), `at ${moment} ms, having jumped`);
  }
});

test('the standing in the inspector is that of the log', async (t) => {
  const { lines } = run(preset('03').text);
  const simulator = await site.open(t, at('03'));
  const changes = lines.filter(({ event }) => event === 'standing');
  assert.ok(changes.length >= 7);
  const names = { 0: 'Ann', 1: 'Ben' };
  for (const { at: moment, client, is } of changes.filter(({ client }) => client in names)) {
    await simulator.lane(names[client]).click();
    await simulator.seek(moment);
    assert.ok((await simulator.inspectorText()).startsWith(`Inspector ${names[client]} ${is}`), `${names[client]} is ${is}`);
    assert.match(await simulator.lane(names[client]).innerText(), new RegExp(is), 'so says the lane');
    if (moment === 0) continue;
    await simulator.seek(moment - 1);
    assert.ok(!(await simulator.inspectorText()).startsWith(`Inspector ${names[client]} ${is}`), 'not a millisecond earlier');
  }
});

test('playing to the end stops there, and playing again begins anew', async (t) => {
  const { end } = run(preset('02').text);
  const simulator = await site.open(t, at('02'));
  await simulator.speed(100).check();
  await simulator.button('Play').click();
  await simulator.button('Play').waitFor();
  assert.equal(await simulator.time(), end);
  await simulator.button('Play').click();
  const { time } = await simulator.until('it begins anew', (state) => state.time > 0 && state.time < end);
  assert.ok(time < end);
  await simulator.pause();
});

test('a click on the scale of time goes there, and one on an arrow selects it', async (t) => {
  const simulator = await site.open(t, at('03'));
  const drawing = simulator.page.getByRole('img', { name: /^Time line of 3 clients/ });
  const box = await drawing.boundingBox();
  await simulator.page.mouse.click(box.x + box.width / 2, box.y + 8);
  const { time } = await simulator.state();
  assert.ok(time > 5_000 && time < 200_000, `the play head is at ${time}`);
  await simulator.button('To start').click();
  for (let y = 60; y < box.height && (await simulator.event()) === null; y += 6) {
    await simulator.page.mouse.click(box.x + 14, box.y + y);
  }
  assert.notEqual(await simulator.event(), null, 'an arrow near the start can be hit');
});
