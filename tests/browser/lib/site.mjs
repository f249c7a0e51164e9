// What every file of tests needs: the page served, a browser, and pages that are watched.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { watch } from './complaints.mjs';
import { serve } from './server.mjs';
import { CHROMIUM, DIST, PATIENCE } from './settings.mjs';
import { Simulator } from './simulator.mjs';

const WIDE = { width: 1400, height: 900 };
const PATH = '/simulator/';

/** To be called once at the top of a file of tests. */
export function useSite({ dist = DIST, others = {}, needed = true } = {}) {
  const site = { browser: null, origin: '', trouble: null, page: null, open: null };
  let server;

  before(async () => {
    if (!needed) return;
    assert.ok(existsSync(join(dist, 'index.html')), `${dist} holds no built page`);
    assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is no browser; say where one is with CHROMIUM`);
    server = await serve({ [PATH]: dist, ...others });
    site.origin = server.origin;
    site.trouble = server.trouble;
    site.browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  });

  after(async () => {
    await site.browser?.close();
    await server?.close();
  });

  /** A watched page in a context of its own. When the test ends, there must have been no complaint. */
  site.page = async (t, { expected = [], scripts = [], ...options } = {}) => {
    const context = await site.browser.newContext({ viewport: WIDE, locale: 'en-GB', colorScheme: 'light', ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complaints = await watch(page, site.origin, expected);
    for (const path of scripts) await page.addInitScript({ path });
    t.after(async () => {
      await context.close();
      assert.deepEqual(complaints, [], 'the browser complained');
    });
    return page;
  };

  /** The simulator, opened with what stands behind "#". */
  site.open = async (t, hash = '', { path = PATH, wait = true, ...options } = {}) => {
    const simulator = new Simulator(await site.page(t, options), `${site.origin}${path}`);
    await simulator.open(hash, wait);
    return simulator;
  };
  return site;
}
