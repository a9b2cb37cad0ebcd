import { isFinal } from '../../contract/status.ts';
import { oneLine } from '../../contract/text.ts';
import { Context, type GlobalOptions } from '../context.ts';
import type { Names } from './candidates.ts';

/** A prompt that waits longer than this for a server is worse than one without candidates. */
const PATIENCE_MS = 3_000;
const LOOK_EVERY_MS = 50;
/** Runs among which a name is looked for: one page of the server's list. */
const MAX_RUNS = 1_000;

/** Labels and sessions, asked of the server; none when it does not answer in time. */
export const knownNames: Names = async (globals) => {
  const context = new Context({ ...(globals as Partial<GlobalOptions>), color: false });
  let looks: NodeJS.Timeout | undefined;
  const deadline = new Promise<Awaited<ReturnType<Names>>>((resolve) => {
    looks = setInterval(() => {
      // Time in which this process had nothing to do: what a busy machine takes to run it is none.
      if (performance.eventLoopUtilization().idle > PATIENCE_MS) resolve({ targets: [], sessions: [] });
    }, LOOK_EVERY_MS);
  });
  try {
    return await Promise.race([ask(context), deadline]);
  } finally {
    clearInterval(looks);
  }
};

async function ask(context: Context): ReturnType<Names> {
  await using subagents = await context.connect();
  const [rows, known] = await Promise.all([subagents.runs({ max: MAX_RUNS }), subagents.sessions()]);
  const sessions = new Map(known.map(({ session }) => [session, 0]));
  for (const { session, status } of rows)
    sessions.set(session, (sessions.get(session) ?? 0) + (isFinal(status) ? 0 : 1));
  const targets = new Map(
    // Of a label that was used again, the newest counts.
    rows.reverse().map((row) => {
      const value = row.session === context.session ? row.label : `${row.session}/${row.label}`;
      return [value, { value, description: oneLine(`${row.status}: ${row.summary ?? row.task}`, 60) }];
    }),
  );
  return {
    targets: [...targets.values(), { value: 'last', description: 'the one started last' }],
    sessions: [...sessions].map(([session, live]) => ({ value: session, description: `${live} live` })),
  };
}
