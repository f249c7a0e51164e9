// The presets' files, which lie beside this folder because tests and the native host read them, too.

import { presetsFrom } from './presets';

export const PRESETS = presetsFrom(
  import.meta.glob<string>('../../../presets/*.json', { query: '?raw', import: 'default', eager: true }),
);
