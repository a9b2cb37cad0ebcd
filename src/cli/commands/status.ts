import type { FleetList } from '../../client/index.ts';
import { join } from 'node:path';
import { findStaleServer } from '../../temporal/embedded/process.ts';
import type { Status } from '../../contract/status/status.ts';
import { ringName } from '../../keys/key-ring.ts';
import { readRing } from '../../keys/key-source.ts';
import { readWorkerState } from '../../home/worker-state.ts';
import { homeRoot } from '../../system/home-root.ts';
import { readUpFile, type UpFile } from '../../temporal/up-file.ts';
import { workerHealth } from '../../worker/health.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { cliFailure } from '../failure.ts';
import type { StatusJson } from '../json.ts';
import { serverText } from '../render/fleet.ts';
import { plural } from '../render/numbers.ts';
import { age } from '../render/time.ts';
import { ringSource } from '../ring-source.ts';

/** `subagents status`. The exit code is 3 when Temporal or every worker is away. */
export async function statusCommand(context: Context): Promise<number> {
  const { output } = context;
  const home = homeRoot(context.options.home, context.env);
  const up = readUpFile(home);
  const found = await readFleet(context);
  const fleet = 'fleet' in found ? found.fleet : undefined;
  const live = fleet?.sessions.flatMap((session) => session.live) ?? [];
  const byStatus: Partial<Record<Status, number>> = {};
  for (const row of live) byStatus[row.status] = (byStatus[row.status] ?? 0) + 1;
  const workers = 'fleet' in found && found.workers;
  const keys = 'fleet' in found ? found.keys : null;
  const problems: StatusJson['problems'][number][] =
    'problem' in found ? [found.problem] : found.fleet.notes.map((message) => ({ message }));
  const left = up === undefined ? findStaleServer(join(home, 'temporal')) : undefined;
  if (left !== undefined)
    problems.unshift({
      message: `the \`up\` of ${home} was killed, but its Temporal server (process ${left.pid}) still runs`,
      remedy: '`subagents up` replaces the server and continues; `subagents down` stops it',
    });
  const worker = { ...workerHealth(home), ...logOf(home) };
  output.data({
    home,
    worker,
    up: up === undefined ? null : upJson(up),
    server: fleet === undefined ? null : { ...fleet.server, reachable: true },
    keys,
    workers,
    live: live.length,
    byStatus,
    problems,
  } satisfies StatusJson);

  const { colors } = output;
  output.fact('home', home);
  output.fact(
    'up',
    up === undefined ? 'not running here' : `process ${up.pid}, for ${age(up.startedAt, Date.now())}`,
  );
  if (worker.state !== 'none') {
    output.fact('worker', worker.healthy ? worker.why : colors.yellow(worker.why));
    if (worker.log !== undefined) output.fact('log', worker.log);
  }
  if (fleet !== undefined) {
    output.fact('server', serverText(fleet.server));
    if (fleet.server.uiUrl !== undefined) output.fact('Web UI', fleet.server.uiUrl);
    output.fact('messages', keys === null ? 'not encrypted' : `encrypted, key ring ${keys}`);
    output.fact('workers', workers ? colors.green('polling') : colors.red('none polls'));
    const counts = Object.entries(byStatus).map(([name, count]) => `${count} ${name}`);
    const moving = workers ? '' : ', but none can make progress';
    output.fact(
      'subagents',
      live.length === 0 ? 'none live' : `${live.length} live${moving}: ${counts.join(', ')}`,
    );
    output.fact('sessions', plural(fleet.sessions.length, 'session'));
  }
  for (const { message, remedy } of problems) {
    output.line(`${colors.yellow('!')} ${message}`);
    if (remedy !== undefined) output.line(`  ${colors.cyan('→')} ${remedy}`);
  }
  return workers ? EXIT.ok : EXIT.unavailable;
}

/** Where the worker of the home logs to. */
function logOf(home: string): { readonly log?: string } {
  const log = readWorkerState(home)?.log;
  return log === undefined ? {} : { log };
}

/** The fields of the up file that programs see. */
function upJson({
  pid,
  startedAt,
  address,
  namespace,
  uiUrl,
  workerPid,
}: UpFile): NonNullable<StatusJson['up']> {
  return { pid, startedAt, address, namespace, uiUrl, ...(workerPid !== undefined && { workerPid }) };
}

async function readFleet(
  context: Context,
): Promise<
  | { readonly fleet: FleetList; readonly workers: boolean; readonly keys: string | null }
  | { readonly problem: StatusJson['problems'][number] }
> {
  try {
    await using subagents = await context.connect();
    const fleet = await subagents.list({ finished: 0, progress: false });
    const source = ringSource(context);
    const keys = source === undefined ? null : ringName(await readRing(source));
    return { fleet, workers: await subagents.hasWorkers(), keys };
  } catch (error) {
    const { code, message, remedy } = cliFailure(error);
    if (code === 'INTERNAL') throw error;
    return { problem: { message, ...(remedy && { remedy }) } };
  }
}
