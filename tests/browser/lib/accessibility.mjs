// What axe finds on a page. The page has to have been opened with `scripts: [AXE]`.

import assert from 'node:assert/strict';

const SERIOUS = ['serious', 'critical'];

/** Fails at a serious finding; returns the names of the lesser ones. */
export async function check(page, view) {
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.ok(passes.length > 15, `axe looked at the page: ${passes.length} rules passed`);
  const told = violations.map(({ id, impact, nodes }) => ({
    id,
    impact,
    where: nodes.slice(0, 3).map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary.replace(/\s+/g, ' ')}`),
  }));
  assert.deepEqual(told.filter(({ impact }) => SERIOUS.includes(impact)), [], `${view}: no serious finding`);
  return told.map(({ id, impact }) => `${id} (${impact}, with ${view})`);
}
