// The page that describes the routes, as the real server serves it.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { check } from './lib/accessibility.mjs';
import { watch } from './lib/complaints.mjs';
import { meanLuminance } from './lib/pictures.mjs';
import { startServer } from './lib/rendezvous.mjs';
import { AXE, CHROMIUM, PATIENCE, shotsFolder } from './lib/settings.mjs';

const ROUTES = ['POST /register', 'POST /verify', 'POST /logout', 'GET /peer/{client_id}/udp', 'GET /peer/{client_id}/udp/status', 'GET /openapi.json'];
const WIDE = { width: 1400, height: 900 };
const PHONE = { width: 360, height: 740 };

const document = JSON.parse(readFileSync(new URL('../../host-native/openapi.json', import.meta.url), 'utf8'));
const problems = Object.values(document.components.examples).map(({ value }) => value);

let server;
let browser;

before(async () => {
  server = await startServer([]);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The page, opened and watched. When the test ends, there must have been no complaint. */
async function open(t, { hash = '', phase = 'ready', expected = [], prepare = () => {}, ...options } = {}) {
  const context = await browser.newContext({ viewport: WIDE, locale: 'en-GB', colorScheme: 'light', ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const own = `${server.admin}`;
  const complaints = await watch(page, own, expected);
  await page.addInitScript({ path: AXE });
  await prepare(page, context);
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, [], 'the browser complained');
  });
  await page.goto(`${own}/docs${hash === '' ? '' : `/${hash}`}`);
  await page.locator(`html[data-phase="${phase}"]`).waitFor({ state: 'attached' });
  return page;
}

const tidy = (text) => text.replace(/\s+/g, ' ').trim();

test('every route is shown, with its members, its errors and an example', async (t) => {
  const page = await open(t);
  const shown = [];
  for (const section of await page.locator('section').all()) {
    const name = tidy(await section.getByRole('heading', { level: 3 }).innerText());
    const text = tidy(await section.innerText());
    shown.push(name);
    const [method, path] = name.split(' ');
    const { responses } = document.paths[path][method.toLowerCase()];
    const good = responses['200'].content['application/json'];
    const { properties } = document.components.schemas[good.schema.$ref.split('/').at(-1)];
    const members = section.getByRole('table').filter({ has: page.getByRole('columnheader', { name: 'member' }) });
    for (const [member, { description }] of Object.entries(properties)) {
      const row = members.getByRole('row').filter({ has: page.getByRole('rowheader', { name: member, exact: true }) });
      const told = tidy(await row.innerText());
      assert.ok(!description || told.includes(tidy(description.replaceAll('`', ''))), `${name}, ${member}: ${told}`);
    }
    for (const { value } of Object.values(good.examples ?? {})) assert.ok(text.includes(tidy(JSON.stringify(value, null, 2))), name);
    const examples = Object.values(responses).flatMap(({ content }) => Object.values(content['application/problem+json']?.examples ?? {}));
    for (const code of examples.map(({ $ref }) => $ref.split('/').at(-1))) {
      const { status, detail } = problems.find((problem) => problem.code === code);
      assert.match(text, new RegExp(`\\b${status} ${code} `), `${name} tells of ${code}`);
      assert.ok(text.includes(tidy(detail)), `${name} explains ${code}`);
    }
  }
  assert.deepEqual(shown.sort(), [...ROUTES].sort());
  assert.ok(!(await page.getByText(/undefined|\[object/).count()), 'nothing is printed that is no text');
});

test('every error is in the table of errors, and the pulses are described', async (t) => {
  const page = await open(t);
  for (const { status, code, detail } of problems) {
    assert.ok(await page.getByRole('row', { name: tidy(`${status} ${code} ${detail}`) }).first().isVisible(), code);
  }
  assert.ok(problems.length >= 9);
  for (const answer of ['1020 03 fc', '1050 04 1a', '1060 04 24']) await page.getByRole('row', { name: new RegExp(answer) }).waitFor();
});

test('the commands are right, can be copied, and follow the server that is asked', async (t) => {
  const page = await open(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  const command = (id) => page.locator('section').filter({ has: page.locator(`#${id}`) }).locator('pre').first();
  assert.equal(await command('register').innerText(), 'curl -s -X POST http://127.0.0.1:5025/register');
  await page.getByLabel(/commands below/).fill(`${server.http}/`);
  assert.equal(
    await command('peer_status').innerText(),
    `curl -s -H "Authorization: Bearer $KEY" ${server.http}/peer/$ID/udp/status`,
  );
  await page.getByRole('button', { name: 'Copy the command of verify' }).click();
  await page.getByText('copied').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, `curl -s -X POST -H "Authorization: Bearer $KEY" ${server.http}/verify`);
});

test('a link leads to its route, by keyboard too', async (t) => {
  // Without motion: how long it takes to get there would be up to the machine.
  const page = await open(t, { hash: '#peer_status', reducedMotion: 'reduce' });
  await page.waitForFunction(() => Math.abs(window.document.getElementById('peer_status').getBoundingClientRect().top) < 100);
  const link = page.getByRole('navigation').getByRole('link', { name: 'POST /verify' });
  await link.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash === '#verify' && Math.abs(window.document.getElementById('verify').getBoundingClientRect().top) < 100);
  await page.goto(`${server.admin}/docs/`);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => window.document.activeElement.textContent), 'To the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => window.document.activeElement.id), 'content');
});

test('a document that does not come is told of', async (t) => {
  const prepare = (page) => page.route('**/openapi.json', (route) => route.fulfill({ status: 503, body: '' }));
  const page = await open(t, { phase: 'failed', expected: [/503/], prepare });
  assert.match(await page.getByRole('status').innerText(), /could not be loaded.*503/);
});

test('no serious finding of axe, and it looks as chosen, light and dark, wide and on a phone', async (t) => {
  const folder = shotsFolder();
  t.diagnostic(`screenshots are in ${folder}`);
  const blank = await browser.newPage();
  for (const [size, viewport] of Object.entries({ wide: WIDE, phone: PHONE })) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open(t, { viewport, colorScheme });
      const lesser = await check(page, `docs, ${size} and ${colorScheme}`);
      t.diagnostic(`lesser findings, ${size} and ${colorScheme}: ${lesser.join(', ') || 'none'}`);
      const tooWide = await page.evaluate(() => window.document.scrollingElement.scrollWidth - window.document.scrollingElement.clientWidth);
      assert.equal(tooWide, 0, `nothing scrolls sideways, ${size}`);
      const path = join(folder, `docs-${size}-${colorScheme}.png`);
      const picture = await page.screenshot({ path });
      await page.screenshot({ path: join(folder, `docs-${size}-${colorScheme}-whole.png`), fullPage: true });
      assert.ok(statSync(path).size > 15_000, `${path} shows something`);
      const luminance = await meanLuminance(blank, picture);
      assert.ok(colorScheme === 'light' ? luminance > 180 : luminance < 75, `${colorScheme} is ${colorScheme}: ${luminance}`);
    }
  }
  await blank.close();
});
