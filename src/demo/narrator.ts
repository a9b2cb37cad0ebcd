/** Prints events: a line for people, or a JSON object for programs. Callers report only what they have observed. */
import picocolors from 'picocolors';
import { z } from 'zod';
import { oneLine } from '../contract/index.ts';

/** One line of `subagents demo --json`; each event has further properties. */
export const demoEvent = z.looseObject({
  event: z.string(),
  elapsedMs: z.number().int().describe('since the demo began'),
  who: z.string().describe('a label, `main agent`, `up`, or `demo`'),
  text: z.string(),
  ok: z.boolean().optional().describe('of an expectation: whether it was met'),
});
export type DemoEvent = z.infer<typeof demoEvent>;

/** The properties of an event for programs. */
export type Facts = Readonly<Record<string, unknown>>;

export interface NarratorOptions {
  readonly json: boolean;
  readonly color: boolean;
  readonly write: (text: string) => void;
}

const WHO_WIDTH = 20;
const MAX_TEXT_CHARS = 400;
const PALETTE = ['cyan', 'magenta', 'yellow', 'blue'] as const;

export class Narrator {
  readonly #options: NarratorOptions;
  readonly #colors: ReturnType<typeof picocolors.createColors>;
  readonly #startedAt = performance.now();
  readonly #unmet: string[] = [];
  readonly #voices = new Map<string, (typeof PALETTE)[number]>();

  constructor(options: NarratorOptions) {
    this.#options = options;
    this.#colors = picocolors.createColors(options.color);
  }

  /** Texts of expectations that were not met. */
  get unmet(): readonly string[] {
    return this.#unmet;
  }

  /** Prints a heading; for people only. */
  title(text: string): void {
    if (!this.#options.json) this.#options.write(`\n${this.#colors.bold(text)}\n`);
  }

  /** Reports an event. */
  report(who: string, event: string, text: string, facts: Facts = {}): void {
    this.#print({ who, event, text, ...facts });
  }

  /** Reports an expectation and whether it was met; the demo fails if one was not. */
  check(ok: boolean, who: string, event: string, text: string, facts: Facts = {}): void {
    if (!ok) this.#unmet.push(`${who}: ${clean(text)}`);
    this.#print({ who, event, text, ok, ...facts });
  }

  /** Prints a line below the last event's text; for people only. */
  detail(text: string): void {
    if (!this.#options.json)
      this.#options.write(`${' '.repeat(8 + 2 + WHO_WIDTH)}${this.#colors.dim(clean(text))}\n`);
  }

  /** Prints a line without time and name; for people only. */
  line(text = ''): void {
    if (!this.#options.json) this.#options.write(`${text}\n`);
  }

  /** Reports the last event; for programs only. */
  end(exitCode: number, facts: Facts): void {
    if (this.#options.json) this.#print({ who: 'demo', event: 'end', text: '', exitCode, ...facts });
  }

  #print(it: Facts & { who: string; event: string; text: string; ok?: boolean }): void {
    const { event, who, text, ok, ...facts } = it;
    const elapsedMs = Math.round(performance.now() - this.#startedAt);
    if (this.#options.json) {
      const told: DemoEvent = { event, elapsedMs, who, text, ...(ok !== undefined && { ok }), ...facts };
      this.#options.write(`${JSON.stringify(told)}\n`);
      return;
    }
    const { dim, bold, green, red } = this.#colors;
    const time = dim(`${(elapsedMs / 1_000).toFixed(1)}s`.padStart(7));
    const mark = ok === undefined ? '' : ok ? `${green('✓')} ` : `${red('✗')} `;
    const padded = who.padEnd(WHO_WIDTH);
    const name = who === 'demo' || who === 'up' ? dim(padded) : bold(this.#voice(who)(padded));
    this.#options.write(`${time}   ${name}${mark}${clean(text)}\n`);
  }

  /** Each speaker has a colour, assigned in the order of their first lines. */
  #voice(who: string): (text: string) => string {
    let color = this.#voices.get(who);
    if (color === undefined) {
      color = PALETTE[this.#voices.size % PALETTE.length] ?? 'cyan';
      this.#voices.set(who, color);
    }
    return this.#colors[color];
  }
}

/** `text` on one line without control sequences, because it may come from a model or a tool. */
const clean = (text: string): string => oneLine(text, MAX_TEXT_CHARS);

/** A duration for people: `340 ms`, `6.2 s`. */
export const elapsedText = (millis: number): string =>
  millis < 1_000 ? `${Math.round(millis)} ms` : `${(millis / 1_000).toFixed(1)} s`;

/** A number with its noun: `1 commit`, `2 commits`. */
export const countText = (many: number, one: string, more = `${one}s`): string =>
  `${many} ${many === 1 ? one : more}`;

/** `text` with paths in a worktree of `home` made relative to that worktree. */
export function withoutWorktree(text: string, home: string): string {
  return text.replaceAll(home, '').replace(/\/worktrees\/[^/\s]+\/[^/\s]+\//g, '');
}

/** The thrown value as an error. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
