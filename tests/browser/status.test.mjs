// The status page of a real server: what happens to clients is what it shows.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { check } from './lib/accessibility.mjs';
import { watch } from './lib/complaints.mjs';
import { meanLuminance } from './lib/pictures.mjs';
import { register, startServer } from './lib/rendezvous.mjs';
import { AXE, CHROMIUM, PATIENCE, shotsFolder } from './lib/settings.mjs';

const SIZES = { wide: { width: 1280, height: 1000 }, phone: { width: 390, height: 844 } };
const SCHEMES = ['light', 'dark'];
const TIMING = ['--pulse-interval=4s', '--pulse-grace=1s', '--error-time=120s'];
const CHARTS = ['Clients by status', 'Pulses by answer', 'Requests', 'Drops and refusals'];

let browser;
let server;
let steady;
let silent;
let pulsing;

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

const figures = async () => (await fetch(`${server.admin}/status.json`)).json();

/** Three clients pulse twice a second, two are silent after their first pulse; there are strangers, noise and lookups, too. */
before(async () => {
  server = await startServer(TIMING);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  [steady, silent] = await Promise.all([3, 2].map((n) => Promise.all(Array.from({ length: n }, () => register(server)))));
  for (const client of silent) assert.equal(await client.pulse(), 1020);
  const everything = async () => {
    for (const client of steady) assert.equal(await client.pulse(), 1020);
    assert.equal(await steady[0].pulse(randomBytes(32)), 1060);
    await steady[1].send(Buffer.from('noise'));
    assert.equal((await steady[2].call('GET', `/peer/${silent[0].id}/udp`)).status, 200);
  };
  let trouble = null;
  const timer = setInterval(() => everything().catch((error) => (trouble ??= error)), 500);
  pulsing = () => {
    clearInterval(timer);
    assert.equal(trouble, null);
  };
  // Until the two are late, and there are some samples of that.
  await sleep(6_000);
  for (const client of silent) assert.equal(await client.pulse(), 1050);
  const began = Date.now();
  while ((await figures()).history.age_ms.length < 4) {
    assert.ok(Date.now() - began < PATIENCE + 20_000, 'a sample is taken every five seconds');
    await sleep(250);
  }
});

after(async () => {
  pulsing?.();
  for (const client of [...(steady ?? []), ...(silent ?? [])]) client.close();
  await browser?.close();
  await server?.stop();
});

/** A watched page. When the test ends, there must have been no complaint but those expected. */
async function open(t, { expected = [], scripts = [], of = server, ...options } = {}) {
  const context = await browser.newContext({ viewport: SIZES.wide, locale: 'en-GB', colorScheme: 'light', ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = await watch(page, of.admin, expected);
  for (const path of scripts) await page.addInitScript({ path });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, [], 'the browser complained');
  });
  await page.goto(`${of.admin}/`);
  await state(page, 'ready');
  return page;
}

const state = (page, name) => page.locator(`html[data-state="${name}"]`).waitFor({ state: 'attached' });

const text = (page, id) => page.locator(`#${id}`).innerText();

/** The values of a chart's legend, by label. */
async function legend(page, title) {
  const entries = await page.getByRole('figure', { name: title }).getByRole('listitem').allInnerTexts();
  return Object.fromEntries(entries.map((entry) => /^\s*(.*\S)\s+(\S+|< \S+)\s*$/s.exec(entry).slice(1)));
}

test('it shows the clients, and how they pulse', async (t) => {
  const page = await open(t);
  assert.equal(await text(page, 'state-text'), 'Ready');
  assert.equal(await text(page, 'clients'), '5');
  assert.equal(await text(page, 'clients-note'), '3 online, 2 pending');
  assert.deepEqual(await legend(page, 'Clients by status'), { Online: '3', Pending: '2' });
  // Two rounds a second of three pulses and a stranger's; a timer is not exact.
  const pulses = await legend(page, 'Pulses by answer');
  const between = (value, low, high, what) => assert.ok(parseFloat(value) >= low && parseFloat(value) <= high, `${what}: ${value}`);
  between(pulses['1020 on time'], 4, 7, 'on time');
  between(pulses['1060 unknown'], 1.3, 2.4, 'unknown');
  between(await text(page, 'pulses'), 5, 9, 'all pulses');
  assert.match(await text(page, 'pulses-note'), /^7\d % on time$/);
  const requests = await legend(page, 'Requests');
  between(requests.Lookups, 1.3, 2.4, 'lookups');
  assert.equal(requests.Registrations, '0/s', 'that was earlier');
  const trouble = await legend(page, 'Drops and refusals');
  between(trouble['Not a pulse'], 1.3, 2.4, 'noise');
  assert.equal(trouble['Lost by the kernel'], '0/s');
  assert.equal(await text(page, 'store'), 'In memory');
  assert.match(await text(page, 'uptime'), /^(\d+ min )?\d+ s$|^\d+ min$/);
  assert.match(await text(page, 'timing'), /heard less than 5 s ago\. Gone: silent for 124 s/);
});

test('values are read with the pointer, with keys, and in a table', async (t) => {
  const page = await open(t);
  const chart = page.getByRole('figure', { name: 'Clients by status' });
  const cursor = chart.getByRole('slider');
  const box = await cursor.boundingBox();
  await page.mouse.move(box.x + box.width - 14, box.y + 60);
  const tip = chart.locator('.tip');
  await tip.waitFor();
  assert.match((await tip.innerText()).replace(/\s+/g, ' '), /^\d\d:\d\d:\d\d, .* Online 3 Pending 2$/);
  await page.mouse.move(0, 0);
  await tip.waitFor({ state: 'hidden' });

  await cursor.focus();
  assert.match(await cursor.getAttribute('aria-valuetext'), /Online 3, Pending 2 clients$/);
  await page.keyboard.press('Home');
  assert.equal(await cursor.getAttribute('aria-valuenow'), '0');
  assert.match(await cursor.getAttribute('aria-valuetext'), /Online 5, Pending 0 clients$/, 'all five had just registered');
  await page.keyboard.press('ArrowRight');
  assert.equal(await cursor.getAttribute('aria-valuenow'), '1');

  await page.locator('summary').focus();
  await page.keyboard.press('Enter');
  const table = page.getByRole('table', { name: /The last hour/ });
  await table.waitFor();
  const heads = await table.getByRole('columnheader').allInnerTexts();
  const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText)));
  const total = (head) => rows.reduce((sum, row) => sum + Number(row[heads.indexOf(head)]), 0);
  assert.equal(rows[0][heads.indexOf('Online')], '3');
  assert.ok(total('Registrations') >= 5 && total('Late') === 2, JSON.stringify(rows));
  await page.keyboard.press('Tab');
  assert.ok(await page.locator('.scroll').evaluate((region) => region === document.activeElement), 'it scrolls by keyboard');
});

test('every chart has a mark for every series, and follows the server', async (t) => {
  const page = await open(t);
  for (const title of CHARTS) {
    const traces = page.getByRole('figure', { name: title }).locator('[data-series] polyline');
    assert.ok((await traces.count()) >= 2, title);
    for (const points of await traces.evaluateAll((all) => all.map((one) => one.getAttribute('points')))) {
      assert.ok(points.split(' ').length >= 4 && !/NaN|Infinity/.test(points), `${title}: ${points}`);
    }
  }
  const online = page.getByRole('figure', { name: 'Clients by status' }).locator('[data-series=online] polyline');
  const before = (await online.getAttribute('points')).split(' ').length;
  const added = await register(server);
  t.after(() => added.call('POST', '/logout').then(() => added.close()));
  await page.locator('#clients', { hasText: /^6$/ }).waitFor();
  await page.waitForFunction(
    ([selector, points]) => document.querySelector(selector).getAttribute('points').split(' ').length > points,
    ['[data-series=online] polyline', before],
  );
});

for (const scheme of SCHEMES) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`no serious finding of axe, nothing scrolls sideways, and a picture, ${scheme} and ${size}`, async (t) => {
      const page = await open(t, { viewport, colorScheme: scheme, scripts: [AXE], hasTouch: size === 'phone' });
      const lesser = new Set(await check(page, 'the charts'));
      const path = join(shotsFolder(), `status-${size}-${scheme}.png`);
      const picture = await page.screenshot({ path, fullPage: true });
      t.diagnostic(path);
      assert.ok(statSync(path).size > 15_000, `${path} shows something`);
      const blank = await (await browser.newContext()).newPage();
      const light = await meanLuminance(blank, picture);
      await blank.context().close();
      assert.ok(scheme === 'light' ? light > 180 : light < 75, `${scheme}: ${light}`);

      await page.locator('summary').click();
      await page.getByRole('figure', { name: 'Requests' }).getByRole('slider').focus();
      for (const finding of await check(page, 'the table and a cursor')) lesser.add(finding);
      await page.screenshot({ path: path.replace('.png', '-table.png'), fullPage: true });
      const { scrollWidth, clientWidth } = await page.evaluate(() => document.scrollingElement);
      assert.ok(!(scrollWidth > clientWidth), `${scrollWidth} px of ${clientWidth}`);
      t.diagnostic(`lesser findings: ${[...lesser].join(', ') || 'none'}`);
    });
  }
}

test('nothing of the page comes from elsewhere, and its policy allows no more', async (t) => {
  const page = await open(t, { expected: [/192\.0\.2\.1/] });
  const answer = await page.request.get(`${server.admin}/`);
  const policy = answer.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  // A script in the page itself does not run: the policy is in force.
  const blocked = await page.evaluate(async () => {
    const told = new Promise((resolve) => document.addEventListener('securitypolicyviolation', (event) => {
      event.stopImmediatePropagation();
      resolve(event.violatedDirective);
    }, { once: true, capture: true }));
    const image = new Image();
    image.src = 'http://192.0.2.1/x.png';
    return Promise.race([told, new Promise((resolve) => setTimeout(resolve, 2000))]);
  }).catch(() => null);
  assert.equal(blocked, 'img-src');
});

test('it says so when the server stops, and when it is back', async (t) => {
  const other = await startServer(TIMING);
  const page = await open(t, { of: other, expected: [/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/] });
  assert.equal(await page.getByRole('alert').count(), 0);
  const client = await register(other);
  client.close();
  await page.locator('#clients', { hasText: /^1$/ }).waitFor();
  await other.stop('SIGKILL');
  await state(page, 'lost');
  assert.equal(await text(page, 'state-text'), 'No answer');
  assert.match(await page.getByRole('alert').innerText(), /does not answer.*is from \d\d:\d\d:\d\d/);
  assert.equal(await text(page, 'clients'), '1', 'what was known stays');
  await page.screenshot({ path: join(shotsFolder(), 'status-lost.png'), fullPage: true });
  const again = await startServer([...TIMING, `--admin-listen=${new URL(other.admin).host}`]);
  t.after(() => again.stop());
  await state(page, 'ready');
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.locator('#clients', { hasText: /^0$/ }).waitFor();
});

test('it says so when the server is draining', async (t) => {
  const page = await open(t);
  const status = await figures();
  await page.route('**/status.json', (route) => route.fulfill({ json: { ...status, state: 'draining' } }));
  await state(page, 'draining');
  assert.match(await page.getByRole('alert').innerText(), /told to stop/);
  await page.route('**/status.json', (route) => route.fulfill({ json: { ...status, state: 'store_failing', store: { kind: 'file', failing: true, waiting_changes: 7 } } }));
  await state(page, 'store_failing');
  assert.match(await page.getByRole('alert').innerText(), /registrations and logouts are refused/);
  assert.equal(await text(page, 'store'), 'Failing');
});
