import { setTimeout as delay } from 'node:timers/promises';
import type { SubagentIdentity, SubagentRow, Subagents } from '../../client/index.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { columnsOf } from '../output.ts';
import { approvalLines } from './approvals.ts';
import { doing } from './fleet.ts';
import { plural } from './numbers.ts';
import { stateOf, stateSince, statusText } from './status.ts';
import { cut } from './table.ts';
import { age } from './time.ts';

const REFRESH_MS = 1_000;
const REFRESH_PIPED_MS = 5_000;
const MAX_ROWS = 12;

/**
 * Shows pending subagents on stderr, redrawn in place on a terminal. Without a terminal, prints only questions, each
 * once.
 */
export class WaitProgress implements AsyncDisposable {
  readonly #context: Context;
  readonly #subagents: Subagents;
  readonly #pending: () => readonly SubagentIdentity[];
  readonly #shownQuestions = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  #draw: ((text: string) => void) & { clear(): void; done(): void } = Object.assign(() => undefined, {
    clear: () => undefined,
    done: () => undefined,
  });

  constructor(context: Context, subagents: Subagents, pending: () => readonly SubagentIdentity[]) {
    this.#context = context;
    this.#subagents = subagents;
    this.#pending = pending;
    this.#running = context.output.json ? Promise.resolve() : this.#run();
  }

  /** Clears the progress, and then calls `print`. */
  pause(print: () => void): void {
    this.#draw.clear();
    print();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    this.#draw.clear();
    this.#draw.done();
  }

  async #run(): Promise<void> {
    const { progressive } = this.#context.output;
    if (progressive) {
      const { createLogUpdate } = await import('log-update');
      this.#draw = createLogUpdate(process.stderr);
    }
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // Errors are ignored here, because the wait itself reports them.
      await this.#update(progressive).catch(() => undefined);
      await delay(progressive ? REFRESH_MS : REFRESH_PIPED_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #update(progressive: boolean): Promise<void> {
    const fleet = await this.#subagents.list({ finished: 0, progress: progressive });
    const rows = fleet.sessions.flatMap(({ live }) => live);
    const waiting = this.#pending().flatMap(({ runId }) => rows.find((row) => row.runId === runId) ?? []);
    for (const row of waiting) if (row.status === 'asking') await this.#printQuestions(row);
    if (progressive && waiting.length > 0 && !this.#stopped.signal.aborted) this.#draw(this.#text(waiting));
  }

  #text(rows: readonly SubagentRow[]): string {
    const { noteColors: colors } = this.#context.output;
    const width = columnsOf(process.stderr) - 1;
    const shown = rows.slice(0, MAX_ROWS).map((row) => ({ row, name: this.#context.targetName(row) }));
    const nameWidth = Math.max(...shown.map(({ name }) => name.length));
    const statusWidth = Math.max(...shown.map(({ row }) => stateOf(row).length));
    const lines = shown.map(({ row, name }) => {
      const since = age(stateSince(row) ?? row.startedAt, Date.now());
      const room = Math.max(10, width - nameWidth - statusWidth - since.length - 8);
      const padding = ' '.repeat(statusWidth - stateOf(row).length);
      return `  ${colors.bold(name.padEnd(nameWidth))}  ${statusText(stateOf(row), colors)}${padding}  ${cut(doing(row), room)}  ${colors.dim(since)}`;
    });
    if (rows.length > MAX_ROWS) lines.push(colors.dim(`  and ${rows.length - MAX_ROWS} more`));
    return [
      colors.dim(`waiting for ${plural(rows.length, 'subagent')} (Ctrl-C stops waiting, not them)`),
      ...lines,
    ]
      .map((line) => cut(line, width))
      .join('\n');
  }

  async #printQuestions(row: SubagentRow): Promise<void> {
    const handle = this.#subagents.session(row.session).subagent(`${row.label}@${row.run}`);
    const { questions, approvals } = await handle.describe();
    const name = this.#context.targetName(row);
    for (const approval of approvals) {
      if (this.#shownQuestions.has(approval.id)) continue;
      this.#shownQuestions.add(approval.id);
      this.pause(() => {
        const { output } = this.#context;
        output.note(
          [`${name} waits for approval:`, ...approvalLines(approval, name, output.colors)].join('\n'),
        );
      });
    }
    for (const question of questions) {
      if (this.#shownQuestions.has(question.id)) continue;
      this.#shownQuestions.add(question.id);
      const which = questions.length > 1 ? ` -q ${question.id}` : '';
      this.pause(() => {
        this.#context.output.note(
          `${name} asks: ${oneLine(question.question, 500)}\n  → subagents answer ${name}${which} "<answer>"`,
        );
      });
    }
  }
}
