import { homeRoot } from '../../system/home-root.ts';
import { oneLine } from '../../contract/text.ts';
import type { Context } from '../context.ts';
import type { Check } from '../doctor/check.ts';
import { checkCopilot, checkModel } from '../doctor/copilot.ts';
import { checkDisk, checkGit, checkHome, checkNode, checkSettings } from '../doctor/machine.ts';
import { checkProgram, checkServer } from '../doctor/temporal.ts';
import { EXIT } from '../exit.ts';
import type { DoctorJson } from '../json.ts';

/** `subagents doctor`; exit code 1 when a check fails. */
export async function doctor(context: Context): Promise<number> {
  const { output, env, options } = context;
  const home = homeRoot(options.home, env);
  // All at once, shown in this order, each as soon as it and those before it are known.
  const groups: readonly (Check | Promise<Check | readonly Check[]>)[] = [
    checkNode(),
    checkGit(env),
    checkProgram(env),
    checkServer(context),
    checkCopilot(env),
    checkModel(env),
    checkSettings(env),
    checkDisk(home),
    checkHome(home),
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

function checkText({ output }: Context, { name, result, detail, remedy }: Check): string {
  const { colors } = output;
  const mark = { ok: colors.green('ok  '), warn: colors.yellow('warn'), fail: colors.red('FAIL') }[result];
  const line = `${mark}  ${name.padEnd(8)}  ${oneLine(detail, 500)}`;
  return remedy === undefined ? line : `${line}\n                ${colors.cyan('→')} ${remedy}`;
}
