/** Checks of Temporal: the server in use, and the program of the embedded one. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder, whyUnusable } from '../../temporal/binary.ts';
import type { Context } from '../context.ts';
import { cliFailure } from '../failure.ts';
import { serverText } from '../render/fleet.ts';
import { fail, ok, warn } from '../../checks/check.ts';
import type { Check } from '../../client/index.ts';

/** Checks the server in use, and whether a worker polls it. */
export async function checkServer(context: Context): Promise<Check[]> {
  const { address, profile } = context.options;
  const isNamed = address !== undefined || profile !== undefined || Boolean(context.env['TEMPORAL_ADDRESS']);
  try {
    await using subagents = await context.connect();
    const server = ok('server', serverText(subagents.target));
    if (await subagents.hasWorkers()) return [server, ok('worker', 'polls')];
    return [
      server,
      warn(
        'worker',
        'none polls, so no subagent makes progress',
        'subagents up, or subagents worker for this server',
      ),
    ];
  } catch (error) {
    const { code, message, remedy } = cliFailure(error);
    if (code === 'TEMPORAL_UNREACHABLE' && !isNamed) return [warn('server', 'none runs', 'subagents up')];
    return [fail('server', message, remedy ?? 'see `subagents status --verbose`')];
  }
}

/** Checks for the program of the embedded server. Downloads and builds nothing. */
export async function checkProgram(env: NodeJS.ProcessEnv): Promise<Check> {
  const named = env['SUBAGENTS_TEMPORAL_PATH'];
  if (named) {
    const problem = await whyUnusable(named, env);
    return problem === undefined
      ? ok('Temporal', `${named} (SUBAGENTS_TEMPORAL_PATH)`)
      : fail('Temporal', `SUBAGENTS_TEMPORAL_PATH names ${named}: ${problem}`, 'correct or unset it');
  }
  const onPath = findOnPath('temporal', env);
  const problem = onPath === undefined ? undefined : await whyUnusable(onPath, env);
  if (onPath !== undefined && problem === undefined) return ok('Temporal', `${onPath} (on PATH)`);
  const passedOver = onPath === undefined ? '' : `; ${onPath} is not used: ${problem}`;
  const cached = join(cacheFolder(env), 'temporal');
  if ((await whyUnusable(cached, env)) === undefined) return ok('Temporal', `${cached} (cache)${passedOver}`);
  const go = findOnPath('go', env);
  return warn(
    'Temporal',
    `not on this machine yet; \`up\` downloads it once${go === undefined ? '' : `, or builds it with ${go}`}${passedOver}`,
    '`subagents up` installs it; or install it yourself: https://docs.temporal.io/cli#install',
  );
}

function findOnPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
