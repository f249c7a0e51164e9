// What a part of the drawing consists of: a path for each style, and texts. Few nodes, however much there is to see.

export interface Text {
  x: number;
  y: number;
  text: string;
  style: string;
}

export interface Path {
  style: string;
  d: string;
  /** The name of a pattern that fills it. */
  pattern?: string;
}

export interface Shapes {
  paths: Path[];
  texts: Text[];
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** About how wide a short text is in the drawing's font. */
export const textWidth = (text: string): number => text.length * 6.4 + 8;

export class Pen {
  private readonly parts = new Map<string, string[]>();
  readonly texts: Text[] = [];

  /** Styles are drawn in the order in which they are named here, the last one on top. */
  constructor(private readonly order: readonly string[]) {}

  private add(style: string, d: string): void {
    const parts = this.parts.get(style);
    if (parts) parts.push(d);
    else this.parts.set(style, [d]);
  }

  line(style: string, x1: number, y1: number, x2: number, y2: number): void {
    this.add(style, `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`);
  }

  rect(style: string, x: number, y: number, width: number, height: number): void {
    this.add(style, `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`);
  }

  /** The head of an arrow that comes from (x1, y1). */
  head(style: string, x1: number, y1: number, x2: number, y2: number, size = 6): void {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [((x2 - x1) / length) * size, ((y2 - y1) / length) * size];
    const [bx, by] = [x2 - dx, y2 - dy];
    const half = 0.5;
    this.add(
      style,
      `M${round(x2)} ${round(y2)}L${round(bx - dy * half)} ${round(by + dx * half)}L${round(bx + dy * half)} ${round(by - dx * half)}z`,
    );
  }

  cross(style: string, x: number, y: number, size = 4): void {
    this.line(style, x - size, y - size, x + size, y + size);
    this.line(style, x - size, y + size, x + size, y - size);
  }

  diamond(style: string, x: number, y: number, size = 4): void {
    this.add(style, `M${round(x)} ${round(y - size)}l${size} ${size}l${-size} ${size}l${-size} ${-size}z`);
  }

  /** A triangle that points down at (x, y). */
  flag(style: string, x: number, y: number, size = 5): void {
    this.add(style, `M${round(x)} ${round(y)}l${-size} ${-size * 1.6}h${size * 2}z`);
  }

  text(style: string, x: number, y: number, text: string): void {
    this.texts.push({ style, x: round(x), y: round(y), text });
  }

  shapes(patterns: Record<string, string> = {}): Shapes {
    const rank = (style: string): number => {
      const at = this.order.indexOf(style);
      return at < 0 ? this.order.length : at;
    };
    const paths = [...this.parts.keys()]
      .sort((a, b) => rank(a) - rank(b))
      .map((style) => {
        const pattern = patterns[style];
        const d = (this.parts.get(style) as string[]).join('');
        return pattern ? { style, d, pattern } : { style, d };
      });
    return { paths, texts: this.texts };
  }
}

export interface Mark {
  x: number;
  text: string;
  /** Whether it is this tile's, and not the next one's, which is only heeded. */
  own: boolean;
}

/** Which of these marks, ascending by x, have room for their texts before the next one. */
export const withText = (marks: readonly Mark[]): Mark[] =>
  marks.filter(({ x, text, own }, i) => own && x + textWidth(text) + 4 <= (marks[i + 1]?.x ?? Infinity));

/** Keeps texts of a lane from lying on each other. */
export class Room {
  private readonly taken = new Map<number, [number, number][]>();

  take(lane: number, from: number, to: number): boolean {
    let taken = this.taken.get(lane);
    if (!taken) this.taken.set(lane, (taken = []));
    if (taken.some(([a, b]) => from < b && a < to)) return false;
    taken.push([from, to]);
    return true;
  }

  /** Whether there is hardly any room left, so that nobody need ask. */
  full(lane: number, most = 32): boolean {
    return (this.taken.get(lane)?.length ?? 0) >= most;
  }
}
