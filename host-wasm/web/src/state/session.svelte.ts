// The state of the page: one scenario, its run, and how it is being looked at.

import type { Cast, Summary } from '../run/log';
import { Run } from '../run/run';
import { namedClients } from '../scenario/edit';
import { type Opened, type View } from '../scenario/link';
import { type Preset, presetOf } from '../scenario/presets';
import { locate, type Mistake, parse, toText } from '../scenario/text';
import type { Scenario } from '../scenario/types';
import type { Report, Sample } from '../worker/protocol';
import { WorkerLink } from '../worker/link';
import { still } from './media.svelte';
import { Player } from './player.svelte';
import { USUAL_SPAN, Viewport } from './viewport.svelte';

export type Phase = 'loading' | 'running' | 'ready' | 'failed';

const NO_CAST: Cast = {
  timing: { pulse_interval: 0, pulse_grace: 0, error_time: 0 },
  end: 0,
  clients: [],
  server: { udp: '', http: '' },
};

/** What is to happen once a scenario turns out to be one. */
interface Wish {
  text: string;
  scenario: Scenario | null;
  view: View;
  play: boolean;
}

export class Session {
  phase = $state<Phase>('loading');
  /** The text in the editor, and the one that the run is of. */
  draft = $state('');
  applied = $state('');
  scenario = $state.raw<Scenario | null>(null);
  mistake = $state.raw<Mistake | null>(null);
  /** The run; `version` grows whenever more of it is known. */
  run = $state.raw<Run>(new Run(NO_CAST));
  version = $state(0);
  summary = $state.raw<Summary | null>(null);
  /** Whether the run was larger than a browser can keep. */
  cut = $state(false);
  /** The second run, for I4. */
  again = $state.raw<{ digest: string; same: boolean } | null>(null);
  samples = $state.raw<Sample[]>([]);
  client = $state<number | null>(null);
  event = $state<number | null>(null);
  /** What assistive technology is told, and what is shown as a short notice. */
  said = $state('');
  notice = $state('');
  /** What went wrong with a link; it stays until something else is run. */
  warning = $state('');

  readonly player = new Player(
    () => this.run.loaded,
    () => this.run.done,
  );
  readonly view = new Viewport(
    () => this.player.time,
    () => this.end,
    () => still.matches,
  );
  readonly end: number = $derived.by(() => (void this.version, this.run.end));
  readonly preset: Preset | undefined = $derived.by(() =>
    this.scenario ? presetOf(this.presets, this.scenario) : undefined,
  );

  private wish: Wish | null = null;
  private readonly worker = new WorkerLink((report) => this.take(report));

  constructor(readonly presets: readonly Preset[]) {}

  /** Opens what a link asks for, or the first preset. */
  open({ preset, text, view }: Opened): void {
    const chosen = this.presets.find(({ name }) => name === preset);
    if (preset !== undefined && !chosen) {
      this.fail(`There is no preset called ${preset}.`, '');
      return;
    }
    const first = chosen ?? this.presets[0];
    const wanted = text ?? first?.text;
    if (wanted === undefined) {
      this.fail('This build of the page has no presets. Import a scenario, or write one.', '');
      return;
    }
    const scenario = parse(wanted);
    this.draft = scenario ? toText(scenario) : wanted;
    this.apply(this.draft, scenario, view, view.time === undefined && !still.matches);
  }

  choose(preset: Preset): void {
    this.draft = preset.text;
    this.apply(preset.text, preset.scenario, {}, !still.matches);
  }

  /** Runs a text from elsewhere, from its beginning. */
  import(text: string): void {
    const scenario = parse(text);
    this.draft = scenario ? toText(scenario) : text;
    this.apply(this.draft, scenario, {}, !still.matches);
  }

  /** The whole run as a Mermaid sequence diagram. */
  mermaid(): Promise<string> {
    return this.worker.mermaid(this.applied);
  }

  /** Runs a text as it is. The play head stays where it is. */
  runText(text: string): void {
    this.draft = text;
    this.apply(text, parse(text), this.currentView(), this.player.playing);
  }

  /** How the run is being looked at now. */
  currentView(): View {
    const { player, view } = this;
    return {
      time: player.shown,
      speed: player.speed,
      span: view.span,
      ...(view.follow ? {} : { from: Math.max(0, view.fixed) }),
      ...(this.client === null ? {} : { client: this.client }),
      ...(this.event === null ? {} : { event: this.event }),
    };
  }

  say(text: string): void {
    this.said = text;
  }

  private apply(text: string, scenario: Scenario | null, view: View, play: boolean): void {
    this.player.pause();
    this.phase = 'loading';
    this.mistake = null;
    this.warning = '';
    this.wish = { text, scenario, view, play };
    this.worker.run(text);
  }

  private fail(message: string, text: string): void {
    this.mistake = locate(message, text);
    this.phase = 'failed';
  }

  private take(report: Report): void {
    switch (report.type) {
      case 'cast':
        this.begin(report.cast);
        break;
      case 'chunk':
        this.run.append(report.columns, report.elapsed);
        this.samples = [...this.samples, ...report.samples];
        this.version++;
        this.start();
        break;
      case 'done':
        this.run.finish(report.elapsed);
        this.version++;
        this.summary = report.summary;
        this.cut = report.cut;
        this.phase = 'ready';
        this.start();
        if (this.player.time > this.run.end) this.player.seek(this.run.end);
        break;
      case 'again':
        this.again = { digest: report.digest, same: report.same };
        break;
      case 'error':
        this.fail(report.message, this.wish?.text ?? this.draft);
        break;
    }
  }

  /** The scenario is one: from here on it is what the page shows. */
  private begin(cast: Cast): void {
    const { text, scenario, view } = this.wish ?? { text: '', scenario: null, view: {} };
    this.run = new Run(cast, cast.clients.length > 0 ? [] : namedClients(scenario?.actions ?? []));
    this.applied = text;
    this.scenario = scenario;
    this.summary = null;
    this.again = null;
    this.samples = [];
    this.cut = false;
    this.phase = 'running';
    this.event = view.event ?? null;
    this.client = view.client ?? (this.run.lanes[0] ?? null);
    this.player.seek(view.time ?? 0);
    if (view.speed !== undefined && view.speed >= 0.1 && view.speed <= 1000) this.player.speed = view.speed;
    this.view.span = view.span ? Math.max(200, view.span) : this.usualSpan(cast);
    this.view.follow = view.from === undefined;
    if (view.from !== undefined) this.view.fixed = view.from;
    this.version++;
  }

  private usualSpan(cast: Cast): number {
    return cast.end !== null && cast.end > 1000 && cast.end <= USUAL_SPAN * 1.5 ? cast.end * 1.05 : USUAL_SPAN;
  }

  private start(): void {
    if (!this.wish?.play || this.run.count === 0) return;
    this.wish.play = false;
    this.player.play();
  }
}
