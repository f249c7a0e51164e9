// The visible part of the drawing as a picture of its own: all styles are in it, and nothing else is needed.

import { namesOf } from '../run/describe';
import type { Run } from '../run/run';
import { drawLanes } from './lanes';
import { barTop, type Geometry, lanesHeight, TILE, TOP } from './geometry';
import type { Shapes } from './shapes';
import { drawTop } from './top';

export interface Picture {
  run: Run;
  geometry: Geometry;
  scale: number;
  from: number;
  width: number;
  lanes: readonly [number, number];
  /** Where the play head is. */
  time: number;
  title: string;
  /** The styles, as plain CSS, and the definitions of the patterns. */
  css: string;
  patterns: string;
  background: string;
  ink: string;
}

const GUTTER = 130;

export const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter] as string);

const markup = ({ paths, texts }: Shapes): string =>
  paths
    .map(({ style, d, pattern }) => `<path class="${style}" d="${d}"${pattern ? ` fill="url(#pattern-${pattern})"` : ''}/>`)
    .join('') + texts.map(({ x, y, text, style }) => `<text class="${style}" x="${x}" y="${y}">${escape(text)}</text>`).join('');

export function pictureOf(picture: Picture): string {
  const { run, geometry, scale, from, width, lanes } = picture;
  const name = namesOf(run);
  const above = lanes[0] === 0 ? 0 : barTop(geometry, lanes[0]) - geometry.gap;
  const height = TOP.height + lanesHeight(geometry, lanes[1] - lanes[0]);
  const parts: string[] = [];
  const last = Math.floor(((from + width / scale) * scale) / TILE);
  // From right to left, as on the page: what hangs over lies on the tile after it.
  for (let index = last; index >= Math.floor((from * scale) / TILE) - 1; index--) {
    const x = index * TILE - from * scale;
    parts.push(`<g transform="translate(${x.toFixed(1)} 0)">${markup(drawTop({ run, scale, index }))}</g>`);
    const below = markup(drawLanes({ run, geometry, scale, index, lanes }));
    parts.push(`<g transform="translate(${x.toFixed(1)} ${TOP.height - above})">${below}</g>`);
  }
  const heads = run.lanes.slice(lanes[0], lanes[1]).map((client, i) => {
    const y = TOP.height - above + barTop(geometry, lanes[0] + i) + geometry.bar / 2 + 4;
    return `<text class="name" x="8" y="${y}">${escape(name(client))}</text>`;
  });
  const x = GUTTER + (picture.time - from) * scale;
  const head = x >= GUTTER ? `<path class="play" d="M${x.toFixed(1)} 0V${height}"/>` : '';
  return `<svg xmlns="http://www.w3.org/2000/svg" class="tile" width="${GUTTER + width}" height="${height}" viewBox="0 0 ${GUTTER + width} ${height}" font-family="system-ui, sans-serif">
<title>${escape(picture.title)}</title>
<style>${picture.css}
.tile .name{font-size:13px;fill:${picture.ink}}.play{stroke:${picture.ink};stroke-width:1.5}</style>
${picture.patterns}
<rect width="100%" height="100%" fill="${picture.background}"/>
<text class="name" x="8" y="${TOP.height - 6}">server</text>
${heads.join('')}
<svg x="${GUTTER}" width="${width}" height="${height}">${parts.join('')}</svg>
${head}
</svg>
`;
}
