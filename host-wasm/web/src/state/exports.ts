// Everything that can be taken out of the page.

import { pictureOf } from '../draw/export-svg';
import { geometryFor } from '../draw/geometry';
import { session } from './app';
import { copy, download, fileName } from './files';

const title = (): string | undefined => session.scenario?.title;

export const exportScenario = (): void => download(fileName(title(), '.json'), 'application/json', session.applied);

export const exportLog = (): void =>
  download(fileName(title(), '.jsonl'), 'application/x-ndjson', session.run.log());

/** The page's own styles for the drawing, with every colour as it is now. */
function drawingCss(): string {
  const probe = document.createElement('span');
  document.body.append(probe);
  const plain = (css: string): string =>
    css.replace(/var\((--[a-z-]+)\)/g, (_, name: string) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    });
  const rules = [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules])
    .map((rule) => rule.cssText)
    .filter((rule) => /^\.(tile|pattern-|ground-)/.test(rule) && !rule.includes('will-change'))
    .map((rule) => plain(rule));
  probe.remove();
  return rules.join('\n');
}

/** The most lanes that a picture holds. */
const MOST_LANES = 60;

export function exportSvg(): void {
  const { run, view, player } = session;
  const styles = getComputedStyle(document.body);
  const svg = pictureOf({
    run,
    geometry: geometryFor(run.lanes.length),
    scale: view.scale,
    from: view.from,
    width: view.width,
    lanes: [0, Math.min(run.lanes.length, MOST_LANES)],
    time: player.shown,
    title: title() ?? 'A run of the rendezvous server',
    css: drawingCss(),
    patterns: document.querySelector('svg.patterns defs')?.outerHTML ?? '',
    background: getComputedStyle(document.querySelector('.panel') ?? document.body).backgroundColor,
    ink: styles.color,
  });
  download(fileName(title(), '.svg'), 'image/svg+xml', svg);
}

export async function exportMermaid(how: 'download' | 'copy'): Promise<void> {
  try {
    const text = await session.mermaid();
    if (how === 'download') download(fileName(title(), '.mmd'), 'text/plain', text);
    else if (await copy(text)) session.notice = 'Mermaid text copied.';
    else session.notice = 'The browser does not let the page copy.';
  } catch (error) {
    session.notice = `No Mermaid text: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const MAX_FILE = 4 * 1024 * 1024;

export async function importFile(file: File | undefined): Promise<void> {
  if (!file) return;
  if (file.size > MAX_FILE) {
    session.notice = `${file.name} is too large for a scenario.`;
    return;
  }
  let text: string;
  try {
    text = await file.text();
  } catch {
    // A folder, or a file that has gone.
    session.notice = `${file.name} cannot be read.`;
    return;
  }
  session.import(text);
  session.notice = `${file.name} imported.`;
}
