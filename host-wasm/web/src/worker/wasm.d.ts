// The part of the wasm package that the page uses. Declared here, so that the page can be checked before it is built.

declare module 'rendezvous-wasm/rendezvous_wasm.js' {
  export default function init(options: { module_or_path: string | URL }): Promise<unknown>;
  export class Simulation {
    constructor(scenario: string);
    cast(): string;
    run(events: number): string;
    readonly done: boolean;
    readonly elapsed: number;
    summary(): string;
    free(): void;
  }
  export function mermaid(scenario: string): string;
}
