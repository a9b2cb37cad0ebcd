import { isFinal } from '../../contract/status/status.ts';
import { oneLine } from '../../contract/text/text.ts';
import { Context, type GlobalOptions } from '../context.ts';
import type { Names } from './candidates.ts';

/** How long a prompt waits for a server, in milliseconds. No candidates are better than a longer wait. */
const ANSWER_TIMEOUT_MS = 3_000;
const CHECK_INTERVAL_MS = 50;
/** Maximum number of runs whose labels are offered: one page of the server's list. */
const MAX_RUNS = 1_000;

/** Labels and sessions from the server; none when it does not answer in time. */
export const knownNames: Names = async (globals) => {
  const context = new Context({ ...(globals as Partial<GlobalOptions>), color: false });
  let idleCheck: NodeJS.Timeout | undefined;
  const deadline = new Promise<Awaited<ReturnType<Names>>>((resolve) => {
    idleCheck = setInterval(() => {
      // Only idle time counts, so that a busy machine does not use up the patience.
      if (performance.eventLoopUtilization().idle > ANSWER_TIMEOUT_MS) resolve({ targets: [], sessions: [] });
    }, CHECK_INTERVAL_MS);
  });
  try {
    return await Promise.race([readNames(context), deadline]);
  } finally {
    clearInterval(idleCheck);
  }
};

async function readNames(context: Context): ReturnType<Names> {
  await using subagents = await context.connect();
  const [rows, known] = await Promise.all([subagents.runs({ max: MAX_RUNS }), subagents.sessions()]);
  const sessions = new Map(known.map(({ session }) => [session, 0]));
  for (const { session, status } of rows)
    sessions.set(session, (sessions.get(session) ?? 0) + (isFinal(status) ? 0 : 1));
  const targets = new Map(
    // The last entry of a key wins: the newest run of a label.
    rows.reverse().map((row) => {
      const value = row.session === context.session ? row.label : `${row.session}/${row.label}`;
      return [value, { value, description: oneLine(`${row.status}: ${row.summary ?? row.task}`, 60) }];
    }),
  );
  return {
    targets: [...targets.values(), { value: 'last', description: 'the subagent that was started last' }],
    sessions: [...sessions].map(([session, live]) => ({ value: session, description: `${live} live` })),
  };
}
