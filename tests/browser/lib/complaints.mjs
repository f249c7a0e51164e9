// Whatever a browser complains about while a page is open. No test passes with a complaint that it did not announce.

const GONE = /net::ERR_ABORTED/;

/** Collects the complaints of a page; `own` is the origin that everything has to come from. */
export async function watch(page, own, expected = []) {
  const complaints = [];
  const add = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  // Violations of the policy are told twice: by an event, and in the console.
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) add(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => add(`uncaught: ${error.stack ?? error.message}`));
  page.on('crash', () => add('the page crashed'));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(own) && !/^(data|blob|about):/.test(url)) add(`request to elsewhere: ${url}`);
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? '';
    if (!GONE.test(why)) add(`request failed: ${request.url()} ${why}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) add(`status ${response.status()}: ${response.url()}`);
  });
  return complaints;
}
