// The simulator page, as its users find their way in it. All names and selectors are here.

import assert from 'node:assert/strict';
import { PATIENCE } from './settings.mjs';

export const seconds = (millis) => `${(millis / 1000).toFixed(millis % 100 === 0 ? 1 : 3)} s`;
export const exactSeconds = (millis) => (millis / 1000).toFixed(3);

const tidy = (text) => text.replace(/\s+/g, ' ').trim();

export class Simulator {
  constructor(page, base) {
    this.page = page;
    this.base = base;
  }

  // Opening and waiting

  async open(hash = '', wait = true) {
    // A mere change behind "#" would not load the page anew.
    await this.page.goto('about:blank');
    await this.page.goto(`${this.base}${hash}`);
    if (wait) await this.ready();
  }

  phase(phase, timeout = PATIENCE) {
    return this.page.locator(`html[data-phase="${phase}"]`).waitFor({ state: 'attached', timeout });
  }

  async ready(timeout = PATIENCE) {
    await this.phase('ready', timeout);
    return this.state();
  }

  state() {
    return this.page.evaluate(() => {
      const { phase, digest, time } = document.documentElement.dataset;
      const { frames } = window.rendezvousSimulator;
      return { phase, digest, time: Number(time), frames };
    });
  }

  async time() {
    return (await this.state()).time;
  }

  /** Waits until something about the page's state is so. */
  async until(what, holds, timeout = PATIENCE) {
    const end = Date.now() + timeout;
    for (;;) {
      const state = await this.state();
      if (holds(state)) return state;
      if (Date.now() > end) assert.fail(`${what}: not within ${timeout} ms; ${JSON.stringify(state)}`);
      await this.page.waitForTimeout(40);
    }
  }

  /** The address, once it says how the page is looked at now. */
  async settledHash() {
    await this.page.waitForTimeout(900);
    return this.page.evaluate(() => location.hash);
  }

  // Parts of the page

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  region(name) {
    return this.page.getByRole('region', { name, exact: true });
  }

  presetButtons() {
    return this.page.getByRole('navigation', { name: 'Scenarios' }).getByRole('list', { name: 'Presets' }).getByRole('button');
  }

  async choose(title) {
    await this.presetButtons().filter({ hasText: title }).first().click();
    return this.ready();
  }

  story(title) {
    return this.region(title);
  }

  get slider() {
    return this.page.getByRole('slider', { name: 'Time', exact: true });
  }

  get table() {
    return this.page.getByRole('table', { name: 'Events' });
  }

  get inspector() {
    return this.region('Inspector');
  }

  get editor() {
    return this.page.getByLabel('Scenario as JSON');
  }

  get mistake() {
    return this.page.locator('#scenario-mistake');
  }

  get alert() {
    return this.page.getByRole('alert');
  }

  get help() {
    return this.page.getByRole('dialog', { name: 'Help' });
  }

  number(label) {
    return this.page.getByRole('spinbutton', { name: label, exact: true });
  }

  lane(name) {
    return this.page.getByRole('list', { name: 'Clients', exact: true }).getByRole('button').filter({ hasText: name });
  }

  speed(factor) {
    return this.page.getByRole('radio', { name: `${factor}×`, exact: true });
  }

  // What one does

  async playing() {
    return (await this.button('Pause').count()) === 1;
  }

  /** Opening a preset plays it: this ends that. */
  async pause() {
    if (await this.playing()) await this.button('Pause').click({ timeout: 2_000 }).catch(() => undefined);
    await this.button('Play').waitFor();
  }

  /** Moves the slider. */
  async seek(time) {
    await this.slider.fill(String(time));
    assert.equal(await this.time(), time, 'the slider goes where it is put');
  }

  /** A scenario typed into the editor, and run. */
  async runText(text) {
    await this.editor.fill(text);
    await this.button('Run').click();
  }

  /** The text in the editor, read. */
  async scenario() {
    return JSON.parse(await this.editor.inputValue());
  }

  async unfold(summary) {
    const details = this.page.locator('details').filter({ has: this.page.getByRole('heading', { name: summary }) });
    if (!(await details.evaluate((node) => node.open))) await details.locator('summary').click();
  }

  // What it says

  /** The number of the event in the inspector; null if there is none. */
  async event() {
    const heading = this.inspector.getByRole('heading', { name: /^Event \d+/ });
    if ((await heading.count()) === 0) return null;
    return Number(/^Event (\d+)/.exec(tidy(await heading.innerText()))[1]);
  }

  async inspectorText() {
    return tidy(await this.inspector.innerText());
  }

  async tableText() {
    const rows = await this.table.locator('tbody tr').allInnerTexts();
    return rows.map(tidy);
  }

  /** A row of the table of events; the play head has to be near it. */
  async row(event) {
    const row = this.table.locator(`tbody tr[data-event="${event}"]`);
    await row.waitFor({ state: 'attached' });
    const [time, from, to, what, answer] = (await row.getByRole('cell').allInnerTexts()).map(tidy);
    return { time, from, to, what, answer };
  }

  /** The invariants by name, as "holds (…)", "broken at …" or "not checked yet". */
  async invariants() {
    const items = await this.region('Invariants').getByRole('listitem').allInnerTexts();
    const found = items.map((item) => /^(I[1-7]) (.*)$/.exec(tidy(item)));
    assert.ok(found.every(Boolean), `each invariant has its name: ${items.join(' | ')}`);
    return Object.fromEntries(found.map(([, name, says]) => [name, says]));
  }

  /** Waits for the second run, which I4 is about. */
  async secondRun(timeout = PATIENCE) {
    const item = this.region('Invariants').getByRole('listitem').filter({ hasText: 'I4' });
    await item.filter({ hasText: /holds|broken|not checked/ }).waitFor({ timeout });
    return tidy(await item.innerText());
  }

  /** The name of the element that has the focus. */
  focused() {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      return element?.getAttribute('aria-label') ?? element?.textContent?.replace(/\s+/g, ' ').trim() ?? '';
    });
  }
}
