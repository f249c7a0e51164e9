// The one session of the page, and what acts on it.

import { PRESETS } from '../scenario/builtin';
import { Controls } from './controls';
import { Session } from './session.svelte';

export const session = new Session(PRESETS);
export const controls = new Controls(session);
