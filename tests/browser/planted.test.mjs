// Pages whose protocol has a planted bug: the red mark has to be at the right event. SIMULATOR_PLANTED is a folder of them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { check } from './lib/accessibility.mjs';
import { load, preset, run } from './lib/reference.mjs';
import { AXE, PLANTED } from './lib/settings.mjs';
import { seconds } from './lib/simulator.mjs';
import { useSite } from './lib/site.mjs';

const names = PLANTED
  ? readdirSync(PLANTED, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  : [];
const others = Object.fromEntries(names.map((name) => [`/planted/${name}/`, join(PLANTED, name)]));
const site = useSite({ others, needed: PLANTED !== null });

/** Whether a colour such as "rgb(179, 0, 27)" is red. */
function isRed(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
  return red > 150 && red > green + 80 && red > blue + 80;
}

/** Where the whole run has its marks, from 0 to 1, and in which colour. */
const overviewMarks = () => {
  const path = document.querySelector('section[aria-label="Controls"] .scrub svg path.alarms');
  if (!path) return null;
  const { width } = path.ownerSVGElement.viewBox.baseVal;
  const places = [...path.getAttribute('d').matchAll(/M([\d.]+)/g)].map(([, x]) => Number(x) / width);
  return { places, colour: getComputedStyle(path).stroke, shown: path.getBoundingClientRect().height > 0 };
};

/** How far the nearest flag in the drawing is from the play head, in pixels, and in which colour it is. */
const drawingMarks = () => {
  const head = document.querySelector('section[aria-label="Time line"] .over .head').getBoundingClientRect().left;
  const marks = [...document.querySelectorAll('section[aria-label="Time line"] svg.tile path.alarm')].flatMap((path) => {
    const { left } = path.ownerSVGElement.getBoundingClientRect();
    const { fill } = getComputedStyle(path);
    return [...path.getAttribute('d').matchAll(/M(-?[\d.]+)/g)].map(([, x]) => ({ away: Math.abs(left + Number(x) - head), fill }));
  });
  return marks.sort((a, b) => a.away - b.away)[0] ?? null;
};

async function lookAt(t, name) {
  const folder = join(PLANTED, name);
  const wanted = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8'));
  const { text, scenario, name: presetName } = preset(wanted.preset.slice(0, 2));
  assert.equal(presetName, wanted.preset);
  assert.deepEqual(run(text).lines.filter(({ event }) => event === 'violation'), [], 'the real protocol breaks nothing');
  const reference = run(text, await load(join(folder, 'pkg')));
  const violations = reference.lines.filter(({ event }) => event === 'violation');
  const first = violations.find(({ invariant }) => invariant === wanted.invariant);
  assert.ok(first, `Node finds ${wanted.invariant} broken, too`);
  const at = wanted.at ?? first.at;
  assert.equal(first.at, at, 'Node finds it at the same moment');
  assert.equal(reference.summary.invariants[wanted.invariant].first, at, 'so does the summary');
  t.diagnostic(`${name}: ${wanted.invariant} is broken at ${seconds(at)}: ${first.says}`);

  const simulator = await site.open(t, `#preset=${wanted.preset}&t=0&x=1000`, { path: `/planted/${name}/`, scripts: [AXE] });
  assert.equal((await simulator.state()).digest, reference.digest, 'the page runs what Node ran');
  if (at > 0) {
    assert.doesNotMatch((await simulator.invariants())[wanted.invariant], /broken/, 'at the start it is not broken yet');
    await simulator.region('Invariants').getByText(/later in this run/).waitFor();
  }
  await simulator.button('Play').click();
  await simulator.until('it plays to the end', ({ time }) => time === reference.end, 60_000);

  const said = await simulator.invariants();
  assert.match(said[wanted.invariant], new RegExp(`^broken at ${seconds(at).replace('.', '\\.')}`));
  const broken = new Set(violations.map(({ invariant }) => invariant));
  for (const [invariant, says] of Object.entries(said)) {
    if (invariant === 'I4') continue;
    assert.equal(/^broken/.test(says), broken.has(invariant), `${invariant}: ${says}`);
  }
  assert.match(await simulator.secondRun(), /^I4 holds/, 'a bug is no lack of determinism');

  const overview = await simulator.page.evaluate(overviewMarks);
  assert.ok(overview?.shown, 'there is a mark on the scrub bar');
  assert.ok(isRed(overview.colour), `it is red: ${overview.colour}`);
  const nearest = Math.min(...overview.places.map((place) => Math.abs(place - at / reference.end)));
  assert.ok(nearest < 0.005, `it is at the right place: ${overview.places}`);

  const button = simulator.region('Invariants').getByRole('listitem').filter({ hasText: wanted.invariant }).getByRole('button');
  await button.click();
  assert.deepEqual([await simulator.time(), await simulator.event()], [at, first.number], 'a click goes to the event');
  assert.match(await simulator.inspectorText(), new RegExp(`${wanted.invariant} is broken: `));
  assert.ok((await simulator.inspectorText()).includes(first.says), 'the inspector says why');
  assert.match((await simulator.row(first.number)).what, new RegExp(`^${wanted.invariant} is broken: `), 'so does the table');
  const flag = await simulator.page.evaluate(drawingMarks);
  assert.ok(flag && flag.away <= 3, `there is a mark in the drawing at the play head: ${JSON.stringify(flag)}`);
  assert.ok(isRed(flag.fill), `it is red: ${flag.fill}`);
  for (const colorScheme of ['light', 'dark']) {
    await simulator.page.emulateMedia({ colorScheme });
    await check(simulator.page, `a broken invariant, ${colorScheme}`);
  }
  if (first.at > 0) {
    await simulator.seek(first.at - 1);
    assert.doesNotMatch((await simulator.invariants())[wanted.invariant], /broken/, 'a millisecond earlier it is not broken');
  }
  assert.equal(await simulator.page.getByRole('heading', { name: scenario.title, exact: true }).count(), 1);
}

if (PLANTED === null) {
  test('pages with planted bugs', { skip: 'left out: SIMULATOR_PLANTED is not set' }, () => undefined);
} else {
  test('there are pages with planted bugs', () => assert.ok(names.length > 0, `${PLANTED} holds no folder`));
  for (const name of names) test(`the planted bug ${name} has its red mark`, (t) => lookAt(t, name));
}
