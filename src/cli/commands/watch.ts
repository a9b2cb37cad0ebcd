import { emitKeypressEvents } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import sliceAnsi from 'slice-ansi';
import type { FleetList, Subagents } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { failureOf, failureText } from '../failure.ts';
import { fleetText } from '../render/fleet.ts';
import { Screen } from '../render/screen.ts';
import { listJson } from './list.ts';

const DEFAULT_INTERVAL_MS = 1_000;

/** `subagents watch` */
export async function watch(
  context: Context,
  options: { readonly interval?: number | undefined },
): Promise<number> {
  await using subagents = await context.connect();
  const intervalMs = options.interval ?? DEFAULT_INTERVAL_MS;
  return context.output.interactive
    ? await watchScreen(context, subagents, intervalMs)
    : await watchStream(context, subagents, intervalMs);
}

/** Not on a terminal: the whole list again, whenever something in it has changed. */
async function watchStream(context: Context, subagents: Subagents, intervalMs: number): Promise<number> {
  const signal = context.interrupt;
  let before: string | undefined;
  while (!signal.aborted) {
    const fleet = await subagents.list();
    const now = JSON.stringify(fleet);
    if (now !== before) {
      context.output.data(listJson(fleet));
      context.output.line(`${screenText(context, fleet)}\n`);
    }
    before = now;
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return EXIT.interrupted;
}

/** On a terminal: one table that redraws in place, every interval and when the window changes its size. */
async function watchScreen(context: Context, subagents: Subagents, intervalMs: number): Promise<number> {
  let latest: FleetList | undefined;
  let problem: string | undefined;
  const lines = (): string[] => [
    ...(latest === undefined ? ['looking…'] : screenText(context, latest).split('\n')),
    ...(problem === undefined ? [] : ['', ...problem.split('\n')]),
  ];
  {
    using quit = onQuit(context);
    using screen = new Screen(process.stdout);
    const redraw = () => screen.draw(clipped(lines(), context));
    process.stdout.on('resize', redraw);
    while (!quit.signal.aborted) {
      try {
        latest = await subagents.list();
        problem = undefined;
      } catch (error) {
        // The server may be back in a moment: what was known stays on the screen, with what is wrong.
        problem = failureText(failureOf(error), context.output.colors, false).trimEnd();
      }
      redraw();
      await delay(intervalMs, undefined, { signal: quit.signal }).catch(() => undefined);
    }
    process.stdout.off('resize', redraw);
  }
  // What was seen last stays on the terminal.
  for (const line of lines()) context.output.line(line);
  return EXIT.ok;
}

function screenText(context: Context, fleet: FleetList): string {
  const { width, colors } = context.output;
  return fleetText(fleet, { session: context.session, width, colors, now: Date.now() });
}

/** As many lines from the top as there is room for, none wider than the terminal, and how to end it. */
function clipped(lines: readonly string[], { output }: Context): string[] {
  const room = Math.max(3, process.stdout.rows - 2);
  const hidden = lines.length - room + 1;
  const shown = hidden > 1 ? [...lines.slice(0, room - 1), `… ${hidden} more lines`] : lines;
  const end = output.colors.dim('q or Ctrl-C ends this');
  return [...shown, '', end].map((line) => sliceAnsi(line, 0, output.width));
}

/** Aborted by q, Escape or Ctrl-C; disposing gives the keyboard back. */
function onQuit(context: Context): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const quit = new AbortController();
  context.interrupt.addEventListener('abort', () => quit.abort());
  const { stdin } = process;
  const onKey = (_text: string, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'q' || key.name === 'escape' || (key.name === 'c' && key.ctrl === true)) quit.abort();
  };
  if (stdin.isTTY) {
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on('keypress', onKey);
  }
  return {
    signal: quit.signal,
    [Symbol.dispose]() {
      if (!stdin.isTTY) return;
      stdin.off('keypress', onKey);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
