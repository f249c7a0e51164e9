// The address bar: what a link asks for, and links to what is being looked at.

import { presetHash, readHash, scenarioHash } from '../scenario/link';
import { session } from './app';
import { copy } from './files';

/** Once everything has stood still for so long, the address says how it is being looked at. */
const SETTLE = 400;

let own = '';

/** Opens what the address asks for. */
export async function openAddress(): Promise<void> {
  try {
    session.open(await readHash(location.hash));
  } catch (error) {
    session.open({ view: {} });
    const reason = error instanceof Error ? error.message : String(error);
    session.warning = `The link could not be opened, so this is the first preset. ${reason}`;
  }
}

/** Opens links that are put into the address bar later. */
export function watchAddress(): void {
  addEventListener('hashchange', () => {
    if (location.hash !== own && /^#(s|j|preset)=/.test(location.hash)) void openAddress();
  });
}

/** Keeps the address up to date. To be called where effects may be. */
export function followAddress(): void {
  $effect(() => {
    if (session.phase !== 'ready' || session.player.playing) return;
    const view = session.currentView();
    const { preset, applied } = session;
    const timer = setTimeout(async () => {
      own = preset ? presetHash(preset.name, view) : await scenarioHash(applied, view);
      try {
        history.replaceState(null, '', own);
      } catch {
        // Some browsers refuse when it happens too often. The next one will do.
      }
    }, SETTLE);
    return () => clearTimeout(timer);
  });
}

/** Copies a link that shows exactly what is to be seen now. */
export async function copyLink(): Promise<void> {
  session.player.pause();
  const link = location.href.replace(/#.*$/, '') + (await scenarioHash(session.applied, session.currentView()));
  const copied = await copy(link);
  if (!copied) {
    own = new URL(link).hash;
    history.replaceState(null, '', own);
  }
  session.notice = copied
    ? 'Link copied. It opens this scenario at this moment.'
    : 'The browser does not let the page copy. The link is in the address bar.';
}
