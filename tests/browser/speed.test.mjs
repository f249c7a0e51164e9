// How fast the page is. What is asserted is generous: these are measurements, and slow machines exist.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSameWasm, preset, run } from './lib/reference.mjs';
import { LONG, PKG } from './lib/settings.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite({ others: { '/pkg/': PKG } });

assertSameWasm();

const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const list = (numbers) => numbers.map((one) => one.toFixed(0)).join(', ');

/** Counts frames of the browser for so long, beside those that the page counts itself. */
const countFrames = (millis) =>
  new Promise((resolve) => {
    const gaps = [];
    const own = window.rendezvousSimulator.frames;
    const began = performance.now();
    let last = began;
    const frame = (now) => {
      gaps.push(now - last);
      last = now;
      if (now - began < millis) requestAnimationFrame(frame);
      else resolve({ gaps: gaps.slice(1), took: now - began, own: window.rendezvousSimulator.frames - own });
    };
    requestAnimationFrame(frame);
  });

test('fifty clients play smoothly at 100×', async (t) => {
  const simulator = await site.open(t, at('15', '&t=0&x=100'));
  await simulator.secondRun();
  await simulator.button('Play').click();
  await simulator.until('it plays', ({ time }) => time > 0);
  const { gaps, took, own } = await simulator.page.evaluate(countFrames, 5_000);
  const fps = (gaps.length * 1_000) / took;
  const ownFps = (own * 1_000) / took;
  const longest = Math.max(...gaps);
  t.diagnostic(`50 clients at 100×: ${fps.toFixed(1)} frames per second (the page counted ${ownFps.toFixed(1)}),`);
  t.diagnostic(`median frame ${median(gaps).toFixed(1)} ms, longest ${longest.toFixed(0)} ms, in ${(took / 1000).toFixed(1)} s`);
  assert.ok(fps >= 20, `${fps} frames per second`);
  assert.ok(ownFps >= 20, `the page itself handled ${ownFps} frames per second`);
  assert.ok(longest < 1_000, `the longest frame took ${longest} ms`);
});

test('a thousand clients can be looked at', async (t) => {
  const { text, scenario } = preset('21');
  const { digest } = run(text);
  const chosen = [];
  for (let i = 0; i < 3; i++) {
    const simulator = await site.open(t, at('01'));
    const button = simulator.presetButtons().filter({ hasText: scenario.title });
    chosen.push(
      await button.evaluate(async (node) => {
        const began = performance.now();
        node.click();
        do await new Promise((resolve) => setTimeout(resolve, 5));
        while (document.documentElement.dataset.phase !== 'ready');
        return performance.now() - began;
      }),
    );
    assert.equal((await simulator.ready()).digest, digest);
    if (i > 0) continue;
    await simulator.secondRun();
    await simulator.pause();
    await simulator.seek(60_000);
    const latencies = await simulator.button('Step forward').evaluate(async (node) => {
      const all = [];
      for (let step = 0; step < 15; step++) {
        const began = performance.now();
        node.click();
        // A step is over when the frame that shows it has been drawn.
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        all.push(performance.now() - began);
      }
      return all;
    });
    t.diagnostic(`1,000 clients: a step takes ${median(latencies).toFixed(0)} ms (median; all: ${list(latencies)})`);
    assert.ok(median(latencies) < 1_000, `a step takes ${median(latencies)} ms`);
    await simulator.button('Play').click();
    const { gaps, took } = await simulator.page.evaluate(countFrames, 2_000);
    const fps = (gaps.length * 1_000) / took;
    t.diagnostic(`1,000 clients at 10×: ${fps.toFixed(1)} frames per second, longest ${Math.max(...gaps).toFixed(0)} ms`);
    assert.ok(fps >= 10, `${fps} frames per second`);
    await simulator.pause();
  }
  t.diagnostic(`1,000 clients: ready ${median(chosen).toFixed(0)} ms after choosing (median; all: ${list(chosen)})`);
  assert.ok(median(chosen) < 10_000, `ready after ${median(chosen)} ms`);
});

test('the simulation alone, in Chromium', async (t) => {
  const hours = LONG ? 24 : 1;
  const scenario = {
    version: 1,
    setup: { timing: { pulse_interval: 30_000, pulse_grace: 1_000, error_time: 180_000 }, seed: 21 },
    link: { delay: 40, jitter: 10, loss: 0.01 },
    clients: [{ name: 'Client', policy: 'well_behaved', count: 1_000, spread: 30_000 }],
    actions: [{ do: 'until', at: hours * 3_600_000 }],
  };
  t.diagnostic(`1,000 clients for ${hours} virtual h, without a log`);
  const page = await site.page(t);
  await page.goto(`${site.origin}/blank.html`);
  const times = [];
  for (let i = 0; i < (LONG ? 1 : 3); i++) {
    const result = await page.evaluate(async (json) => {
      const wasm = await import('/pkg/rendezvous_wasm.js');
      await wasm.default({ module_or_path: '/pkg/rendezvous_wasm_bg.wasm' });
      const began = performance.now();
      const simulation = wasm.Simulation.bare(json);
      let calls = 0;
      while (!simulation.done) {
        simulation.run(1e6);
        calls++;
        await new Promise((resolve) => setTimeout(resolve));
      }
      const took = performance.now() - began;
      return { took, calls, elapsed: simulation.elapsed, summary: JSON.parse(simulation.summary()) };
    }, JSON.stringify(scenario));
    assert.equal(result.elapsed, hours * 3_600_000);
    assert.ok(result.summary.codes['1020'] > hours * 100_000, `${result.summary.codes['1020']} pulses were accepted`);
    times.push(result.took);
    t.diagnostic(`${result.summary.messages.toLocaleString('en-GB')} messages in ${(result.took / 1000).toFixed(2)} s, ${result.calls} calls`);
  }
  const factor = (hours * 3_600_000) / median(times);
  t.diagnostic(`chromium: ${Math.round(factor).toLocaleString('en-GB')} × real time`);
  assert.ok(factor > 50, `${factor} times real time`);
});
