import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ListJson } from '../json.ts';
import { fleetRows, fleetText } from '../render/fleet.ts';
import { selectionOf, type SelectionFlags } from '../selection.ts';
import type { FleetList } from '../../client/index.ts';

/** `subagents list` */
export async function listCommand(
  context: Context,
  options: SelectionFlags & { readonly all?: boolean | undefined; readonly finished?: number | undefined },
): Promise<number> {
  const selection = selectionOf(context, options);
  await using subagents = await context.connect();
  const fleet = await subagents.list({ all: options.all, finished: options.finished, ...selection });
  const { output, session } = context;
  output.data(fleetJson(fleet));
  output.line(
    fleetText(fleet, {
      session,
      width: output.width,
      colors: output.colors,
      now: Date.now(),
      selective: Object.keys(selection).length > 0,
    }),
  );
  return EXIT.ok;
}

/** The list as printed with `--json`. */
export function fleetJson(fleet: FleetList): ListJson {
  return {
    server: fleet.server,
    workerless: fleet.workerless,
    notes: [...fleet.notes],
    subagents: fleetRows(fleet),
    sessions: fleet.sessions.map(({ session, live, finishedCount, unacknowledged, failing }) => ({
      session,
      live: live.length,
      finished: finishedCount,
      unacknowledged,
      ...(failing && { failing }),
    })),
  };
}
