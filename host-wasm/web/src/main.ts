// The start: the page is painted first, and then the simulation is fetched.

import { mount } from 'svelte';
import App from './App.svelte';
import { openAddress, watchAddress } from './state/address.svelte';
import { session } from './state/app';
import { painted } from './state/paint';
import './style/colours.css';
import './style/base.css';
import './style/drawing.css';

declare global {
  interface Window {
    /** For measurements. */
    rendezvousSimulator?: { readonly frames: number; readonly ready: boolean };
  }
}

window.rendezvousSimulator = {
  get frames() {
    return session.player.frames;
  },
  get ready() {
    return session.phase === 'ready';
  },
};

mount(App, { target: document.getElementById('app') as HTMLElement });
watchAddress();
void painted().then(openAddress);
