// Everything that can be taken out of the page, and brought back.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertSameWasm, mermaid, preset, run } from './lib/reference.mjs';
import { useSite } from './lib/site.mjs';

const site = useSite();

assertSameWasm();

const at = (number, rest = '&t=0') => `#preset=${preset(number).name}${rest}`;

/** Presses a button that downloads something: its name and its text. */
async function download(simulator, button) {
  const [file] = await Promise.all([simulator.page.waitForEvent('download'), simulator.button(button).click()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
}

test('an exported scenario is imported again as the same run', async (t) => {
  const simulator = await site.open(t, at('06'));
  await simulator.number('seed').fill('12');
  await simulator.page.keyboard.press('Enter');
  const { digest } = run({ ...preset('06').scenario, setup: { ...preset('06').scenario.setup, seed: 12 } });
  await simulator.until('it runs again', (state) => state.digest === digest);
  const { name, text } = await download(simulator, 'Export scenario');
  assert.match(name, /^[a-z0-9-]+\.json$/);
  const scenario = JSON.parse(text);
  assert.deepEqual(scenario, await simulator.scenario());
  assert.equal(run(text).digest, digest, 'the file itself runs in Node');
  const other = await site.open(t, at('01'));
  assert.notEqual((await other.state()).digest, digest);
  const chooser = other.page.waitForEvent('filechooser');
  await other.button('Import scenario').click();
  await (await chooser).setFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
  await other.until('the file is run', (state) => state.digest === digest);
  assert.deepEqual(await other.scenario(), scenario);
  assert.ok(await other.page.getByRole('status').filter({ hasText: `${name} imported` }).isVisible());
});

test('a file that is no scenario says so, and nothing is lost', async (t) => {
  const simulator = await site.open(t, at('01'));
  const file = { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('Dear server,\n') };
  await simulator.page.getByLabel('Scenario file').setInputFiles(file);
  await simulator.mistake.waitFor();
  assert.match(await simulator.mistake.innerText(), /Line 1/);
  assert.ok(await simulator.story(preset('01').scenario.title).isVisible(), 'the earlier run is still shown');
});

for (const [number, rest] of [['03', '&t=120000&c=1'], ['12', '&t=66000'], ['15', '&t=60000']]) {
  test(`the SVG of preset ${number} is a picture of its own`, async (t) => {
    const { scenario, text: json } = preset(number);
    const { cast } = run(json);
    const simulator = await site.open(t, at(number, rest));
    const { name, text } = await download(simulator, 'Export SVG');
    assert.match(name, /\.svg$/);
    const blank = await site.page(t);
    await blank.goto(`${site.origin}/blank.html`);
    const found = await blank.evaluate((svg) => {
      const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
      const wrong = parsed.querySelector('parsererror');
      if (wrong) return { wrong: wrong.textContent };
      const all = [...parsed.querySelectorAll('*')];
      return {
        wrong: null,
        root: `${parsed.documentElement.namespaceURI} ${parsed.documentElement.localName}`,
        title: parsed.querySelector('title')?.textContent,
        texts: [...parsed.querySelectorAll('text')].map((node) => node.textContent),
        paths: [...parsed.querySelectorAll('path')].filter((node) => (node.getAttribute('d') ?? '').length > 4).length,
        active: all.filter((node) => ['script', 'foreignObject', 'image', 'use', 'a', 'iframe'].includes(node.localName)).length,
        attributes: all.flatMap((node) => [...node.attributes].map((one) => `${one.name}=${one.value}`)),
        styles: [...parsed.querySelectorAll('style')].map((node) => node.textContent).join('\n'),
      };
    }, text);
    assert.equal(found.wrong, null, 'it is XML');
    assert.equal(found.root, 'http://www.w3.org/2000/svg svg');
    assert.equal(found.title, scenario.title);
    const names = cast.clients.map((client) => client.name);
    for (const lane of ['server', ...names]) assert.ok(found.texts.includes(lane), `there is a lane of ${lane}`);
    assert.ok(found.paths > 10, `${found.paths} paths are drawn`);
    assert.equal(found.active, 0, 'it is only a drawing');
    for (const attribute of found.attributes.filter((one) => !one.startsWith('xmlns'))) {
      assert.doesNotMatch(attribute, /https?:|^on|href=(?!#)|url\((?!#)/i, 'no reference to anything outside');
    }
    assert.doesNotMatch(found.styles, /@import|https?:|url\((?!["']?#)/i, 'nor in its styles');
    assert.doesNotMatch(found.styles, /var\(/, 'every colour is itself in it');
    assert.ok(found.styles.length > 200, 'it has styles');
    const image = await blank.evaluate(async (svg) => {
      const picture = new Image();
      picture.src = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
      await picture.decode();
      return [picture.naturalWidth, picture.naturalHeight];
    }, text);
    assert.ok(image[0] > 300 && image[1] > 60, `it is shown as an image of ${image.join(' by ')}`);
  });
}

test('the Mermaid text is the one that Node has', async (t) => {
  const { text: json } = preset('02');
  const simulator = await site.open(t, at('02'), { permissions: ['clipboard-read', 'clipboard-write'] });
  const { name, text } = await download(simulator, 'Export Mermaid');
  assert.match(name, /\.mmd$/);
  assert.ok(text.startsWith('sequenceDiagram'), text.slice(0, 40));
  assert.equal(text, mermaid(json));
  await simulator.button('Copy Mermaid').click();
  await simulator.page.getByRole('status').filter({ hasText: 'copied' }).waitFor();
  assert.equal(await simulator.page.evaluate(() => navigator.clipboard.readText()), text);
});

for (const number of ['02', '12', '15']) {
  test(`the log of preset ${number} is the one that Node has`, async (t) => {
    const reference = run(preset(number).text);
    const simulator = await site.open(t, at(number));
    const { name, text } = await download(simulator, 'Export log');
    assert.match(name, /\.jsonl$/);
    assert.ok(reference.log.length > 1_000);
    assert.ok(text === reference.log, `the log of ${text.length} characters is that of ${reference.log.length}`);
  });
}
