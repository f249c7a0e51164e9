// The page without a mouse, and for those who want little motion.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preset, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();
const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;

/** Presses Tab until the focus is on something of that name. */
async function tabTo(simulator, name, key = 'Tab') {
  const met = [];
  for (let i = 0; i < 80; i++) {
    await simulator.page.keyboard.press(key);
    const focused = await simulator.focused();
    if (focused === name || (name instanceof RegExp && name.test(focused))) return;
    met.push(focused);
  }
  assert.fail(`${name} cannot be reached with ${key}; the focus went ${met.join(' → ')}`);
}

const outline = (simulator) =>
  simulator.page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth);
  });

test('presets, playing, stepping and selecting with Tab, Enter and Space', async (t) => {
  const wanted = preset('03');
  const reference = run(wanted.text);
  const simulator = await site.open(t);
  const { keyboard } = simulator.page;
  await tabTo(simulator, wanted.scenario.title);
  assert.ok((await outline(simulator)) >= 1, 'one sees where the focus is');
  await keyboard.press('Enter');
  await simulator.until('the preset is chosen', ({ digest }) => digest === reference.digest);
  await tabTo(simulator, 'Pause', 'Shift+Tab');
  assert.ok((await outline(simulator)) >= 1, 'one sees where the focus is');
  await keyboard.press('Space');
  assert.equal(await simulator.playing(), false, 'Space on Pause pauses');
  await keyboard.press('Enter');
  assert.equal(await simulator.playing(), true, 'Enter on Play plays');
  await keyboard.press('Enter');
  await tabTo(simulator, 'To start', 'Shift+Tab');
  await keyboard.press('Enter');
  await tabTo(simulator, 'Step forward');
  await keyboard.press('Enter');
  await keyboard.press('Enter');
  assert.equal(await simulator.event(), 1, 'two steps');
  await tabTo(simulator, 'Next change');
  await keyboard.press('Enter');
  assert.match((await simulator.row(await simulator.event())).what, /^is ONLINE$/);
  await tabTo(simulator, /^Ben/);
  await keyboard.press('Enter');
  assert.match(await simulator.inspectorText(), /^Inspector Ben /);
});

test('a Space on a focused button presses that button only', async (t) => {
  const simulator = await site.open(t, at('01'));
  await simulator.button('Step forward').focus();
  await simulator.page.keyboard.press('Space');
  assert.equal(await simulator.event(), 0);
  await simulator.page.keyboard.press('Space');
  assert.equal(await simulator.event(), 1, 'one step for each Space');
  assert.equal(await simulator.playing(), false, 'and nothing plays');
  await simulator.lane('Ben').focus();
  await simulator.page.keyboard.press('Space');
  assert.equal(await simulator.playing(), false);
  assert.match(await simulator.inspectorText(), /^Inspector Ben /);
  await simulator.button('Play').focus();
  await simulator.page.keyboard.press('Space');
  assert.equal(await simulator.playing(), true, 'on Play it plays, once');
  await simulator.pause();
});

test('every shortcut that the help names', async (t) => {
  const { lines, end } = run(preset('03').text);
  const simulator = await site.open(t, at('03'));
  const { keyboard } = simulator.page;
  await keyboard.press('Space');
  assert.equal(await simulator.playing(), true, 'Space plays');
  await keyboard.press('Space');
  assert.equal(await simulator.playing(), false, 'Space pauses');
  await keyboard.press('End');
  assert.equal(await simulator.time(), end);
  await keyboard.press('ArrowLeft');
  const last = lines.filter(({ at: moment }) => moment === end).map(({ number }) => number);
  assert.ok(last.includes(await simulator.event()), `event ${await simulator.event()} is one of the last moment: ${last}`);
  await keyboard.press('Home');
  assert.deepEqual([await simulator.time(), await simulator.event()], [0, null]);
  await keyboard.press('ArrowRight');
  assert.equal(await simulator.event(), 0);
  const changes = lines.filter(({ event }) => event === 'standing');
  await keyboard.press('Shift+ArrowRight');
  assert.equal(await simulator.event(), changes[0].number);
  await keyboard.press('Shift+ArrowRight');
  assert.equal(await simulator.event(), changes[1].number);
  await keyboard.press('Shift+ArrowLeft');
  assert.equal(await simulator.event(), changes[0].number);
  for (const [key, factor] of [['1', 0.1], ['2', 1], ['3', 10], ['4', 100], ['5', 1000]]) {
    await keyboard.press(key);
    assert.ok(await simulator.speed(factor).isChecked(), `${key} is ${factor}×`);
  }
  // No client is selected by hand yet: the first lane is.
  const selected = () => simulator.page.locator('button[aria-pressed="true"]').and(simulator.lane('')).innerText();
  const first = await selected();
  await keyboard.press('ArrowDown');
  assert.notEqual(await selected(), first);
  await keyboard.press('ArrowUp');
  assert.equal(await selected(), first);
  await keyboard.press('/');
  assert.equal(await simulator.focused(), preset('03').scenario.title, 'to the presets');
  const span = async () => Number(/z=([\d.]+)/.exec(await simulator.settledHash())[1]);
  const before = await span();
  await keyboard.press('+');
  const closer = await span();
  assert.ok(closer < before, `${closer} ms are wide instead of ${before}`);
  await keyboard.press('-');
  assert.ok(Math.abs((await span()) - before) < 1, 'and back');
});

test('the help opens, keeps the focus, and closes', async (t) => {
  const simulator = await site.open(t, at('01'));
  const { keyboard } = simulator.page;
  await keyboard.press('?');
  await simulator.help.waitFor();
  for (let i = 0; i < 5; i++) {
    await keyboard.press('Tab');
    const inside = await simulator.page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog'));
    assert.ok(inside, 'the focus stays in the dialog');
  }
  await keyboard.press('ArrowRight');
  await keyboard.press('Escape');
  await simulator.help.waitFor({ state: 'hidden' });
  assert.equal(await simulator.event(), null, 'keys in the dialog do not step');
  await tabTo(simulator, 'Help');
  await keyboard.press('Enter');
  await simulator.help.getByRole('button', { name: 'Close' }).waitFor();
  const text = await simulator.help.innerText();
  for (const word of ['Space', 'Home End', 'Esc', 'play or pause', 'zoom']) assert.ok(text.includes(word), `the help names ${word}`);
  await simulator.help.getByRole('button', { name: 'Close' }).focus();
  await keyboard.press('Enter');
  await simulator.help.waitFor({ state: 'hidden' });
  assert.equal(await simulator.focused(), 'Help', 'the focus is back where it was');
});

test('letters, Space and arrows in the editor are only text', async (t) => {
  const simulator = await site.open(t, at('01'));
  const { digest } = await simulator.state();
  await simulator.editor.focus();
  await simulator.page.keyboard.press('Control+End');
  await simulator.page.keyboard.type(' ?5/+');
  await simulator.page.keyboard.press('Home');
  await simulator.page.keyboard.press('ArrowRight');
  assert.ok((await simulator.editor.inputValue()).includes(' ?5/+'));
  const { time, digest: after } = await simulator.state();
  assert.deepEqual([time, after], [0, digest]);
  assert.equal(await simulator.playing(), false);
  assert.equal(await simulator.help.count(), 0);
  assert.equal(await simulator.event(), null);
});

test('the slider moves with the arrows, and the zoom buttons with Enter', async (t) => {
  const { end } = run(preset('01').text);
  const simulator = await site.open(t, at('01'));
  const { keyboard } = simulator.page;
  await tabTo(simulator, 'Time');
  await keyboard.press('ArrowRight');
  const once = await simulator.time();
  assert.ok(once > 0 && once <= end / 10, `an arrow moves it a little: ${once}`);
  await keyboard.press('ArrowLeft');
  assert.equal(await simulator.time(), 0);
  await keyboard.press('End');
  assert.equal(await simulator.time(), end);
  assert.match(await simulator.slider.getAttribute('aria-valuetext'), /240\.0 s of 240 s/);
  await keyboard.press('Home');
  const before = await simulator.settledHash();
  await tabTo(simulator, 'Zoom in');
  await keyboard.press('Enter');
  assert.notEqual(await simulator.settledHash(), before);
});

test('whoever asks for little motion gets little', async (t) => {
  const simulator = await site.open(t, at('01', ''), { reducedMotion: 'reduce' });
  await simulator.page.waitForTimeout(700);
  assert.equal(await simulator.playing(), false, 'nothing plays by itself');
  assert.equal(await simulator.time(), 0);
  const moving = await simulator.page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0, 'nothing is animated');
  await simulator.speed(10).check();
  await simulator.seek(5_000);
  await simulator.button('Play').click();
  const places = await simulator.page.evaluate(async () => {
    const seen = new Set();
    for (let i = 0; i < 40; i++) {
      seen.add([...document.querySelectorAll('.lanes svg.tile')].map(({ style }) => style.transform).join());
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return seen.size;
  });
  assert.ok((await simulator.time()) > 5_000, 'it does play when asked to');
  assert.ok(places <= 3, `the drawing turns pages: ${places} places in 40 frames`);
  await simulator.pause();
});
