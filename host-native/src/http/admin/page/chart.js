// A chart of the last while: lines or stacked areas, with a cursor that reads values, by pointer or by keyboard.

import { brief, duration, timeOf } from './figures.js';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 190;
const MARGIN = { top: 10, right: 12, bottom: 24, left: 44 };
/** A server that has just begun has no hour to show. */
const SPANS = [5, 10, 15, 30, 60].map((minutes) => minutes * 60_000);
let charts = 0;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Round numbers from 0 to beyond the largest value. */
function ticks(largest) {
  const rough = Math.max(largest, 1) / 3;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * magnitude).find((n) => n >= rough);
  const steps = Math.max(1, Math.ceil((Math.max(largest, 1) - step * 1e-9) / step));
  return Array.from({ length: steps + 1 }, (_, index) => index * step);
}

export class Chart {
  /** `series`: key, label, colour, and a dash pattern or `hatch`. `format` prints a value. */
  constructor(root, { title, unit, series, stacked = false, format }) {
    Object.assign(this, { title, unit, series, stacked, format, samples: [], chosen: null, number: (charts += 1) });
    this.legend = element('ul', { class: 'legend' });
    this.svg = shape('svg', { 'aria-hidden': 'true' });
    this.tip = element('div', { class: 'tip', hidden: '' });
    this.plot = element('div', {
      class: 'plot',
      role: 'slider',
      tabindex: '0',
      'aria-label': `${title}: moment to read`,
      'aria-valuemin': '0',
      'aria-valuemax': '0',
      'aria-valuenow': '0',
      'aria-valuetext': 'nothing yet',
    });
    this.plot.append(this.svg, this.tip);
    const heading = element('h2', { id: `chart-${this.number}` }, title);
    const caption = element('figcaption', {}, heading, element('span', { class: 'unit' }, unit));
    this.figure = element('figure', { 'aria-labelledby': heading.id }, caption, this.legend, this.plot);
    root.append(this.figure);
    this.plot.addEventListener('pointermove', (event) => this.point(event));
    this.plot.addEventListener('pointerleave', () => this.choose(null));
    this.plot.addEventListener('focus', () => this.chosen ?? this.choose(this.samples.length - 1));
    this.plot.addEventListener('blur', () => this.choose(null));
    this.plot.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.render()).observe(this.plot);
  }

  /** Shows these samples, the oldest first. */
  draw(samples) {
    // Whoever reads a moment goes on reading it.
    const read = this.chosen === null ? null : this.samples[this.chosen]?.at;
    this.samples = samples;
    if (read !== null) {
      const found = samples.findIndex(({ at }) => Math.abs(at - read) < 2_000);
      this.chosen = found < 0 ? null : found;
    }
    this.render();
    const last = samples.at(-1);
    this.legend.replaceChildren(...this.series.map((one) => this.entry(one, last)));
  }

  entry(one, last) {
    const swatch = shape('svg', { width: 26, height: 12, class: one.colour, 'aria-hidden': 'true' });
    if (this.stacked) swatch.append(shape('rect', { width: 26, height: 12, ...this.fill(one) }));
    swatch.append(shape('line', { x1: 0, x2: 26, y1: this.stacked ? 1 : 6, y2: this.stacked ? 1 : 6, class: 'trace', 'stroke-dasharray': one.dash ?? 'none' }));
    return element('li', {}, swatch, `${one.label} `, element('b', {}, last ? this.format(last[one.key]) : '–'));
  }

  fill(one) {
    return one.hatch ? { fill: `url(#hatch-${this.number})` } : { class: 'area' };
  }

  render() {
    const width = this.plot.clientWidth;
    if (width === 0) return;
    const oldest = this.samples[0]?.age ?? 0;
    const span = SPANS.find((one) => one >= oldest) ?? SPANS.at(-1);
    const sums = this.samples.map((sample) => this.tops(sample));
    const marks = ticks(Math.max(0, ...sums.flat()));
    const right = width - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    this.x = (sample) => right - (Math.min(sample.age, span) / span) * (right - MARGIN.left);
    this.y = (value) => bottom - (value / marks.at(-1)) * (bottom - MARGIN.top);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    const pattern = shape('pattern', { id: `hatch-${this.number}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' });
    const hatched = this.series.find(({ hatch }) => hatch);
    pattern.append(shape('line', { x1: 0, x2: 0, y1: 0, y2: 6, class: `hatch ${hatched?.colour ?? ''}` }));
    this.svg.replaceChildren(shape('defs', {}, pattern));
    for (const mark of marks) {
      const y = this.y(mark);
      this.svg.append(shape('line', { x1: MARGIN.left, x2: right, y1: y, y2: y, class: mark === 0 ? 'base' : 'grid' }));
      this.svg.append(shape('text', { x: MARGIN.left - 8, y: y + 4, 'text-anchor': 'end' }, brief(mark)));
    }
    const parts = width > 420 ? 5 : 1;
    for (let part = 0; part <= parts; part += 1) {
      const age = (span * (parts - part)) / parts;
      const anchor = part === 0 ? 'start' : part === parts ? 'end' : 'middle';
      const text = age === 0 ? 'now' : `−${Number((age / 60_000).toFixed(1))} min`;
      this.svg.append(shape('text', { x: right - (age / span) * (right - MARGIN.left), y: HEIGHT - 6, 'text-anchor': anchor }, text));
    }
    this.series.forEach((one, index) => this.trace(one, index, sums));
    this.overlay = shape('g');
    this.svg.append(this.overlay);
    this.plot.setAttribute('aria-valuemax', String(Math.max(0, this.samples.length - 1)));
    this.showCursor();
  }

  /** Where each series of a sample ends. */
  tops(sample) {
    let sum = 0;
    return this.series.map(({ key }) => (this.stacked ? (sum += sample[key]) : sample[key]));
  }

  trace(one, index, sums) {
    if (this.samples.length === 0) return;
    const at = (sample, value) => `${this.x(sample).toFixed(1)},${this.y(value).toFixed(1)}`;
    const points = this.samples.map((sample, n) => at(sample, sums[n][index]));
    const group = shape('g', { class: one.colour, 'data-series': one.key });
    if (this.stacked) {
      const below = this.samples.map((sample, n) => at(sample, index === 0 ? 0 : sums[n][index - 1])).reverse();
      group.append(shape('polygon', { points: [...points, ...below].join(' '), ...this.fill(one) }));
    }
    // A single sample is no line yet.
    if (points.length === 1) {
      group.append(shape('circle', { cx: this.x(this.samples[0]), cy: this.y(sums[0][index]), r: 3, class: 'dot' }));
    }
    group.append(shape('polyline', { points: points.join(' '), class: 'trace', 'stroke-dasharray': one.dash ?? 'none' }));
    this.svg.append(group);
  }

  point(event) {
    if (this.samples.length === 0) return;
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    let nearest = 0;
    this.samples.forEach((sample, index) => {
      if (Math.abs(this.x(sample) - x) < Math.abs(this.x(this.samples[nearest]) - x)) nearest = index;
    });
    this.choose(nearest);
  }

  key(event) {
    const last = this.samples.length - 1;
    const from = this.chosen ?? last;
    const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageUp: from + 12, PageDown: from - 12, Home: 0, End: last }[event.key];
    if (event.key === 'Escape') this.choose(null);
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, to)));
  }

  choose(index) {
    this.chosen = index !== null && index >= 0 ? index : null;
    this.showCursor();
  }

  showCursor() {
    this.overlay?.replaceChildren();
    const sample = this.chosen === null ? undefined : this.samples[this.chosen];
    this.tip.hidden = sample === undefined;
    if (!sample || !this.overlay) return;
    const x = this.x(sample);
    this.overlay.append(shape('line', { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, class: 'cursor' }));
    this.tops(sample).forEach((top, index) => {
      this.overlay.append(shape('circle', { cx: x, cy: this.y(top), r: 3.5, class: `dot ${this.series[index].colour}` }));
    });
    const when = `${timeOf(sample.at)}, ${sample.age < 1000 ? 'now' : `${duration(sample.age)} ago`}`;
    const rows = this.series.map(({ key, label }) => [label, this.format(sample[key])]);
    const body = rows.map(([label, value]) => element('tr', {}, element('th', { scope: 'row' }, label), element('td', {}, value)));
    this.tip.replaceChildren(element('p', {}, when), element('table', {}, element('tbody', {}, ...body)));
    const room = this.plot.clientWidth - this.tip.offsetWidth;
    const left = x + 14 <= room ? x + 14 : x - 14 - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, left))}px`;
    this.plot.setAttribute('aria-valuenow', String(this.chosen));
    this.plot.setAttribute('aria-valuetext', `${when}: ${rows.map(([label, value]) => `${label} ${value}`).join(', ')} ${this.unit}`);
  }
}
