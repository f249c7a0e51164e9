// What buttons, keys and clicks do to a session.

import { describe, namesOf, sentence } from '../run/describe';
import { standingAt } from '../run/moment';
import { nextChange, nextEvent, previousChange, previousEvent } from '../run/steps';
import { seconds } from '../run/words';
import { insertAt } from '../scenario/insert';
import { toText } from '../scenario/text';
import type { Action } from '../scenario/types';
import type { Session } from './session.svelte';

export class Controls {
  constructor(private readonly session: Session) {}

  toggle(): void {
    const { player, view } = this.session;
    if (player.playing) player.pause();
    else {
      view.follow = true;
      player.play();
    }
  }

  /** Goes to a moment. */
  seek(time: number): void {
    const { player, view } = this.session;
    player.pause();
    player.seek(Math.round(Math.min(time, this.session.end)));
    view.reveal(player.time);
  }

  toStart(): void {
    this.seek(0);
    this.session.event = null;
    this.session.say('At the start');
  }

  toEnd(): void {
    this.seek(this.session.end);
    this.session.say('At the end');
  }

  step(to: 'next' | 'previous', what: 'event' | 'change'): void {
    const { run, player } = this.session;
    player.pause();
    const find =
      what === 'event' ? { next: nextEvent, previous: previousEvent } : { next: nextChange, previous: previousChange };
    const event = find[to](run, player.time, this.session.event);
    if (event === null) {
      if (what === 'event' && to === 'next') this.seek(this.session.end);
      else if (what === 'event') this.toStart();
      this.session.say(what === 'event' ? `At the ${to === 'next' ? 'end' : 'start'}` : 'No further change');
      return;
    }
    this.goTo(event);
  }

  /** Goes to an event and selects it. */
  goTo(event: number): void {
    const { session } = this;
    if (event < 0 || event >= session.run.count) return;
    session.event = event;
    this.seek(session.run.at[event] as number);
    const name = namesOf(session.run);
    const row = describe(session.run, event, session.scenario, name);
    const { client } = session;
    const standing = client === null ? '' : `. ${name(client)} is ${standingAt(session.run, client, row.at)}`;
    session.say(`${seconds(row.at)}: ${sentence(row)}${standing}`);
  }

  select(client: number): void {
    const { session } = this;
    session.client = client;
    session.say(`${namesOf(session.run)(client)}, ${standingAt(session.run, client, session.player.shown)}`);
  }

  /** Selects the lane so many below the selected one. */
  selectBy(lanes: number): void {
    const { run, client } = this.session;
    if (run.lanes.length === 0) return;
    const lane = client === null ? -1 : run.lanes.indexOf(client);
    const to = Math.min(run.lanes.length - 1, Math.max(0, lane < 0 ? 0 : lane + lanes));
    this.select(run.lanes[to] as number);
  }

  /** Does something to the world at the present moment: the scenario gets another action, and runs again. */
  poke(action: Action, what: string): void {
    const { session } = this;
    const { scenario, run, player } = session;
    if (!scenario) return;
    const at: (number | undefined)[] = [];
    run.actions.value.forEach((index, i) => (at[index] = run.actions.at[i]));
    const poked = insertAt(scenario, { at, end: run.end }, player.shown, action);
    session.runText(toText(poked));
    session.say(`At ${seconds(player.shown)}: ${what}`);
    session.notice = `Added at ${seconds(player.shown)}: ${what}`;
  }
}
