// How the page looks: for everybody, in light and dark, wide and on a phone, and while it is still being loaded.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { check } from './lib/accessibility.mjs';
import { preset, presets } from './lib/reference.mjs';
import { meanLuminance } from './lib/pictures.mjs';
import { AXE, shotsFolder } from './lib/settings.mjs';
import { Simulator } from './lib/simulator.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();
const at = (number, rest) => `#preset=${preset(number).name}${rest}`;

const SIZES = { wide: { width: 1400, height: 900 }, phone: { width: 390, height: 844 } };
const SCHEMES = ['light', 'dark'];

/** What the page may look like when it is checked. */
const VIEWS = {
  'a run and an event': async (simulator) => {
    await simulator.button('Next change').click();
    assert.notEqual(await simulator.event(), null);
  },
  'the help': async (simulator) => {
    await simulator.button('Help').click();
    await simulator.help.waitFor();
    return () => simulator.page.keyboard.press('Escape');
  },
  'the presets, the whole scenario and a mistake': async (simulator) => {
    for (const part of [/^Clients/, 'Timing and link']) await simulator.unfold(part);
    await simulator.editor.fill((await simulator.editor.inputValue()).replace('"version": 1', '"version": 2'));
    await simulator.button('Run').click();
    await simulator.mistake.waitFor();
    await simulator.button('To start').focus();
    await simulator.page.keyboard.press('/');
    await simulator.presetButtons().first().waitFor();
  },
};

for (const scheme of SCHEMES) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`no serious finding of axe, ${scheme} and ${size}`, async (t) => {
      const options = { viewport, colorScheme: scheme, scripts: [AXE], hasTouch: size === 'phone' };
      const simulator = await site.open(t, at('06', '&t=65000&c=0'), options);
      const lesser = new Set();
      for (const [view, show] of Object.entries(VIEWS)) {
        const leave = await show(simulator);
        for (const finding of await check(simulator.page, view)) lesser.add(finding);
        await leave?.();
      }
      t.diagnostic(`lesser findings, ${scheme} and ${size}: ${[...lesser].join(', ') || 'none'}`);
    });
  }
}

test('screenshots, light and dark, wide and on a phone', async (t) => {
  const folder = shotsFolder();
  t.diagnostic(`screenshots are in ${folder}`);
  const blank = await site.page(t);
  await blank.goto(`${site.origin}/blank.html`);
  for (const [size, viewport] of Object.entries(SIZES)) {
    const light = {};
    for (const scheme of SCHEMES) {
      const simulator = await site.open(t, at('12', '&t=66000&c=0'), { viewport, colorScheme: scheme });
      await simulator.secondRun();
      const path = join(folder, `${size}-${scheme}.png`);
      const picture = await simulator.page.screenshot({ path });
      assert.ok(statSync(path).size > 15_000, `${path} shows something`);
      light[scheme] = await meanLuminance(blank, picture);
    }
    t.diagnostic(`${size}: mean luminance ${light.light.toFixed(0)} in light, ${light.dark.toFixed(0)} in dark`);
    assert.ok(light.light > 180, `light is light: ${light.light}`);
    assert.ok(light.dark < 75, `dark is dark: ${light.dark}`);
  }
});

test('the colours can be chosen whatever the system says, and stay chosen', async (t) => {
  const background = () => getComputedStyle(document.documentElement).backgroundColor;
  const simulator = await site.open(t, at('01', '&t=0'), { colorScheme: 'light' });
  const light = await simulator.page.evaluate(background);
  const choice = simulator.page.getByRole('combobox', { name: 'Colours' });
  await choice.selectOption('dark');
  const dark = await simulator.page.evaluate(background);
  assert.notEqual(dark, light);
  await simulator.open(at('01', '&t=0'));
  assert.equal(await choice.inputValue(), 'dark');
  assert.equal(await simulator.page.evaluate(background), dark, 'after a reload, too');
  await choice.selectOption('auto');
  assert.equal(await simulator.page.evaluate(background), light);
  await simulator.page.emulateMedia({ colorScheme: 'dark' });
  assert.equal(await simulator.page.evaluate(background), dark, 'auto follows the system');
});

test('nothing scrolls sideways on a narrow phone', async (t) => {
  const simulator = await site.open(t, at('01', '&t=0'), { viewport: { width: 360, height: 740 }, hasTouch: true });
  const tooWide = () => {
    const { scrollWidth, clientWidth } = document.scrollingElement;
    return scrollWidth > clientWidth ? `${scrollWidth} px of ${clientWidth}` : null;
  };
  for (const number of ['01', '05', '09', '15', '21']) {
    await simulator.open(at(number, '&t=20000&c=0'));
    await simulator.button('Next change').click();
    assert.equal(await simulator.page.evaluate(tooWide), null, `preset ${number}`);
  }
  await simulator.open(at('06', '&t=60000&c=0'));
  for (const [view, show] of Object.entries(VIEWS)) {
    const leave = await show(simulator);
    assert.equal(await simulator.page.evaluate(tooWide), null, view);
    await leave?.();
  }
});

test('the controls can be reached on a phone', async (t) => {
  const simulator = await site.open(t, at('03', '&t=0'), { viewport: SIZES.phone, hasTouch: true });
  for (const name of ['Play', 'Step back', 'Step forward', 'Next change', 'To start', 'To end']) {
    const box = await simulator.button(name).boundingBox();
    assert.ok(box.y >= 0 && box.y + box.height <= SIZES.phone.height, `${name} is on the screen`);
    assert.ok(box.width >= 24 && box.height >= 24, `${name} is large enough for a finger: ${box.width} by ${box.height}`);
  }
  await simulator.button('Step forward').tap();
  assert.equal(await simulator.event(), 0);
});

test('the page is there before the simulation', async (t) => {
  site.trouble.slow = '.wasm';
  site.trouble.delay = 3_000;
  t.after(() => (site.trouble.slow = null));
  const simulator = new Simulator(await site.page(t), `${site.origin}/simulator/`);
  const began = Date.now();
  await simulator.open('', false);
  await simulator.page.getByRole('heading', { level: 1 }).waitFor();
  await simulator.presetButtons().last().waitFor();
  const shown = Date.now() - began;
  assert.equal((await simulator.state()).phase, 'loading');
  assert.equal(await simulator.presetButtons().count(), presets.length);
  await simulator.page.getByText('The simulation is being loaded.').waitFor();
  const paint = await simulator.page.evaluate(async () => {
    for (;;) {
      const [entry] = performance.getEntriesByName('first-contentful-paint');
      if (entry) return entry.startTime;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await simulator.ready();
  const ready = Date.now() - began;
  t.diagnostic(`heading and presets after ${shown} ms, first paint at ${paint.toFixed(0)} ms, ready after ${ready} ms`);
  assert.ok(ready >= 3_000, 'the wasm did come late');
  assert.ok(shown < 2_500 && paint < 2_500, 'what can be seen does not wait for it');
});
