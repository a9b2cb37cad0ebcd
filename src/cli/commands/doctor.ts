import wrapAnsi from 'wrap-ansi';
import { homeRoot } from '../../system/home-root.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { DEFAULT_POOL } from '../../contract/protocol/names.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { checkCopilot, checkModel } from '../../checks/copilot.ts';
import {
  checkDisk,
  checkEnvironment,
  checkGit,
  checkHome,
  checkKeys,
  checkNode,
  checkPackages,
  checkSandbox,
  checkSettings,
} from '../../checks/machine.ts';
import type { Check, PoolCheck } from '../../client/index.ts';
import { checkPools, checkWorker } from '../doctor/home.ts';
import { checkProgram, checkServer } from '../doctor/temporal.ts';
import { EXIT } from '../exit.ts';
import type { DoctorJson } from '../json.ts';

/** Flags of `doctor`. */
export interface DoctorFlags {
  readonly pool?: string | undefined;
  readonly repo?: string | undefined;
}

/** `subagents doctor`. The exit code is 1 when a check fails, and 3 when a pool has no worker. */
export async function doctorCommand(context: Context, { pool, repo }: DoctorFlags): Promise<number> {
  if (pool !== undefined) return doctorOfPool(context, pool, repo);
  if (repo !== undefined)
    throw new SubagentsError('BAD_INPUT', '--repo is for a worker of a pool to read', {
      remedy: `name the pool: subagents doctor --pool ${DEFAULT_POOL} --repo ${repo}`,
    });
  const { env, options } = context;
  const home = homeRoot(options.home, env);
  // The checks run at once. Their results are shown in this order, each as soon as those before it are known.
  const groups: readonly (Check | Promise<Check | readonly Check[]>)[] = [
    checkNode(),
    checkPackages(),
    checkGit(env),
    checkProgram(env),
    checkServer(context),
    checkCopilot(env),
    checkModel(env),
    checkSettings(env),
    checkKeys(home, env),
    checkEnvironment(env),
    checkSandbox(env),
    checkDisk(home, env),
    checkHome(home),
    checkPools(home),
    checkWorker(home),
  ];
  const checks: Check[] = [];
  for (const group of groups) {
    for (const check of [await group].flat()) {
      checks.push(check);
      context.output.line(checkText(context, check));
    }
  }
  return conclude(context, checks, 'Ready.');
}

/** What a worker of the pool finds out, for a spawn to come. */
async function doctorOfPool(context: Context, pool: string, repo: string | undefined): Promise<number> {
  await using subagents = await context.connect();
  const found = await subagents.checkPool(pool, { repo });
  for (const check of found.checks) context.output.line(checkText(context, check));
  const { workerId, host } = found;
  return conclude(context, found.checks, `Worker ${workerId} on ${host} is ready for pool ${pool}.`, found);
}

function conclude({ output }: Context, checks: readonly Check[], ready: string, of?: PoolCheck): number {
  const failed = checks.filter(({ result }) => result === 'fail').length;
  const who = of && { pool: of.pool, worker: of.workerId, host: of.host };
  output.data({ ok: failed === 0, ...who, checks: [...checks] } satisfies DoctorJson);
  const where = of ? ` on worker ${of.workerId}` : '';
  output.line(failed === 0 ? `\n${ready}` : `\n${failed} of ${checks.length} checks failed${where}.`);
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

/** Width in columns when the output is no terminal. */
const PIPED_WIDTH = 80;
const MIN_WIDTH = 20;
const DETAIL_INDENT = 16;
const REMEDY_INDENT = 8;

/** One check as text, wrapped to the width of the terminal. */
export function checkText(
  { output }: Pick<Context, 'output'>,
  { name, result, detail, remedy }: Check,
): string {
  const { colors } = output;
  const mark = { ok: colors.green('ok  '), warn: colors.yellow('warn'), fail: colors.red('FAIL') }[result];
  const width = Number.isFinite(output.width) ? output.width : PIPED_WIDTH;
  // Words longer than a line, such as paths, are not broken.
  const indented = (text: string, indent: number): string =>
    wrapAnsi(text, Math.max(MIN_WIDTH, width - indent)).replaceAll('\n', `\n${' '.repeat(indent)}`);
  const line = `${mark}  ${name.padEnd(8)}  ${indented(oneLine(detail, 2_000), DETAIL_INDENT)}`;
  return remedy === undefined
    ? line
    : `${line}\n      ${colors.cyan('→')} ${indented(remedy, REMEDY_INDENT)}`;
}
