import { oneLine } from '../../contract/text.ts';
import { Context, type GlobalOptions } from '../context.ts';
import type { Names } from './candidates.ts';

/** A prompt that waits longer than this is worse than one without candidates. */
const DEADLINE_MS = 3_000;

/** Labels and sessions, asked of the server; none when it does not answer in time. */
export const knownNames: Names = async (globals) => {
  const context = new Context({ ...(globals as Partial<GlobalOptions>), color: false });
  let late: NodeJS.Timeout | undefined;
  const deadline = new Promise<Awaited<ReturnType<Names>>>((resolve) => {
    late = setTimeout(() => resolve({ targets: [], sessions: [] }), DEADLINE_MS);
  });
  try {
    return await Promise.race([ask(context), deadline]);
  } finally {
    clearTimeout(late);
  }
};

async function ask(context: Context): ReturnType<Names> {
  await using subagents = await context.connect();
  const { sessions } = await subagents.list({ progress: false });
  const rows = sessions.flatMap(({ live, finished }) => [...live, ...finished]);
  const targets = new Map(
    rows.map((row) => {
      const value = row.session === context.session ? row.label : `${row.session}/${row.label}`;
      return [value, { value, description: oneLine(`${row.status}: ${row.summary ?? row.task}`, 60) }];
    }),
  );
  return {
    targets: [...targets.values(), { value: 'last', description: 'the one started last' }],
    sessions: sessions.map(({ session, live }) => ({ value: session, description: `${live.length} live` })),
  };
}
