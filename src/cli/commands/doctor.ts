import wrapAnsi from 'wrap-ansi';
import { homeRoot } from '../../system/home-root.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import type { Check } from '../doctor/check.ts';
import { checkCopilot, checkModel } from '../doctor/copilot.ts';
import {
  checkDisk,
  checkEnvironment,
  checkGit,
  checkHome,
  checkKeys,
  checkNode,
  checkPools,
  checkPackages,
  checkSandbox,
  checkSettings,
} from '../doctor/machine.ts';
import { checkProgram, checkServer } from '../doctor/temporal.ts';
import { EXIT } from '../exit.ts';
import type { DoctorJson } from '../json.ts';

/** `subagents doctor`. The exit code is 1 when a check fails. */
export async function doctorCommand(context: Context): Promise<number> {
  const { output, env, options } = context;
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
  ];
  const checks: Check[] = [];
  for (const group of groups) {
    for (const check of [await group].flat()) {
      checks.push(check);
      output.line(checkText(context, check));
    }
  }
  const failed = checks.filter(({ result }) => result === 'fail').length;
  output.data({ ok: failed === 0, checks } satisfies DoctorJson);
  output.line(failed === 0 ? '\nReady.' : `\n${failed} of ${checks.length} checks failed.`);
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
