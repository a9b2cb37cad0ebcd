import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ListJson } from '../json.ts';
import { fleetRows, fleetText } from '../render/fleet.ts';
import type { FleetList } from '../../client/index.ts';

/** `subagents list` */
export async function list(
  context: Context,
  options: { readonly all?: boolean | undefined; readonly finished?: number | undefined },
): Promise<number> {
  await using subagents = await context.connect();
  const fleet = await subagents.list({ all: options.all, finished: options.finished });
  const { output, session } = context;
  output.data(listJson(fleet));
  output.line(fleetText(fleet, { session, width: output.width, colors: output.colors, now: Date.now() }));
  return EXIT.ok;
}

/** The list for programs. */
export function listJson(fleet: FleetList): ListJson {
  return {
    server: fleet.server,
    workerless: fleet.workerless,
    notes: [...fleet.notes],
    subagents: fleetRows(fleet),
    sessions: fleet.sessions.map(({ session, live, finishedCount, unacknowledged }) => ({
      session,
      live: live.length,
      finished: finishedCount,
      unacknowledged,
    })),
  };
}
