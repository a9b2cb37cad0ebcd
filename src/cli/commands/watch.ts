import { setTimeout as delay } from 'node:timers/promises';
import type { FleetList, FleetListOptions, Subagents } from '../../client/index.ts';
import { isTransient } from '../../client/errors.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { cliFailure, failureText } from '../failure.ts';
import { onKeys } from '../keys.ts';
import { fleetParts, fleetText, wrapped, type FleetTextOptions } from '../render/fleet.ts';
import { Screen } from '../render/screen.ts';
import { scrolled, type Scroll, scrollBy } from '../render/scroll.ts';
import { selectionOf, type SelectionFlags } from '../selection.ts';
import { fleetJson } from './list.ts';

const DEFAULT_INTERVAL_MS = 1_000;

/** The subagents to show, and the interval of updates in milliseconds. */
interface WatchOptions {
  readonly selection: FleetListOptions;
  readonly intervalMs: number;
}

/** `subagents watch` */
export async function watchCommand(
  context: Context,
  options: SelectionFlags & { readonly interval?: number | undefined },
): Promise<number> {
  const watched = {
    selection: selectionOf(context, options),
    intervalMs: options.interval ?? DEFAULT_INTERVAL_MS,
  };
  await using subagents = await context.connect();
  return context.output.interactive
    ? await watchScreen(context, subagents, watched)
    : await watchStream(context, subagents, watched);
}

/** Without a terminal: prints the whole list whenever it has changed. Goes on after the server was away. */
async function watchStream(
  context: Context,
  subagents: Subagents,
  { selection, intervalMs }: WatchOptions,
): Promise<number> {
  const signal = context.interrupt;
  let before: string | undefined;
  let isAway = false;
  while (!signal.aborted) {
    try {
      const fleet = await subagents.list(selection);
      const now = JSON.stringify(fleet);
      if (now !== before) {
        context.output.data(fleetJson(fleet));
        context.output.line(`${fleetText(fleet, textOptions(context, selection))}\n`);
      }
      before = now;
      isAway = false;
    } catch (error) {
      // After a first list, the command waits for the server to come back.
      if (before === undefined || !isTransient(error)) throw error;
      if (!isAway) context.output.note(`${cliFailure(error).message}; trying again`);
      isAway = true;
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return EXIT.interrupted;
}

/** On a terminal: redraws one table in place at every interval, at each key and when the window changes its size. */
async function watchScreen(
  context: Context,
  subagents: Subagents,
  { selection, intervalMs }: WatchOptions,
): Promise<number> {
  const { output } = context;
  const { colors } = output;
  let latest: FleetList | undefined;
  let problem: string | undefined;
  let scroll: Scroll = { first: 0, page: 1 };
  const parts = () => {
    const { top, rows, bottom } =
      latest === undefined
        ? { top: ['looking…'], rows: [], bottom: [] }
        : fleetParts(latest, textOptions(context, selection));
    return {
      top,
      rows,
      bottom: [...bottom, ...(problem === undefined ? [] : ['', ...wrapped(problem, output.width)])],
    };
  };
  {
    const quit = new AbortController();
    context.interrupt.addEventListener('abort', () => quit.abort());
    using screen = new Screen(process.stdout);
    const redraw = () => {
      const drawn = scrolled(parts(), scroll, {
        height: output.height,
        width: output.width,
        colors,
      });
      scroll = drawn.scroll;
      screen.draw(drawn.lines);
    };
    const keys = onKeys((key) => {
      if (key === 'q' || key === 'escape' || key === 'ctrl-c') return quit.abort();
      scroll = scrollBy(scroll, key);
      redraw();
    });
    process.stdout.on('resize', redraw);
    try {
      while (!quit.signal.aborted) {
        try {
          latest = await subagents.list(selection);
          problem = undefined;
        } catch (error) {
          // The server may come back, so the last list stays on the screen, with the error.
          problem = failureText(cliFailure(error), colors, false).trimEnd();
        }
        redraw();
        await delay(intervalMs, undefined, { signal: quit.signal }).catch(() => undefined);
      }
    } finally {
      keys[Symbol.dispose]();
      process.stdout.off('resize', redraw);
    }
  }
  // The last table stays on the terminal.
  const { top, rows, bottom } = parts();
  for (const line of [...top, ...rows, ...bottom]) context.output.line(line);
  return EXIT.ok;
}

function textOptions({ output, session }: Context, selection: FleetListOptions): FleetTextOptions {
  return {
    session,
    width: output.width,
    colors: output.colors,
    now: Date.now(),
    selective: Object.keys(selection).length > 0,
  };
}
