import { existsSync } from 'node:fs';
import type { StopReport } from '../../contract/reports/stop.ts';
import { readHome } from '../../home/home.ts';
import { homeRoot } from '../../system/home-root.ts';
import { stopUp } from '../../worker/up/stop.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { DownJson } from '../json.ts';
import { plural } from '../render/numbers.ts';
import { durationText } from '../render/time.ts';

/** `subagents down` */
export async function downCommand(
  context: Context,
  options: { readonly now?: boolean | undefined },
): Promise<number> {
  const { output, env } = context;
  const root = homeRoot(context.options.home, env);
  const since = Date.now();
  // `down` must not create a missing home.
  const report: StopReport = existsSync(root)
    ? await stopUp(await readHome(root, env), {
        now: options.now === true,
        onProgress: (line) => output.note(`  ${line}`),
      })
    : { stopped: false, forced: false, processes: 0, left: [] };
  const { stopped, forced, processes, left, leftBehind } = report;
  const durationMs = Date.now() - since;
  output.data({
    stopped,
    forced,
    left: [...left],
    durationMs,
    ...(leftBehind !== undefined && { leftBehind }),
  } satisfies DownJson);
  const { colors } = output;
  if (leftBehind !== undefined) {
    output.line(
      `${colors.green('down')}: \`up\` had been killed; its Temporal server (process ${leftBehind}) was stopped`,
    );
  } else if (!stopped) {
    output.line(`Nothing runs in ${root}.`);
  } else if (left.length > 0) {
    output.line(
      `${colors.red('not stopped')}: ${left.length} of ${plural(processes, 'process')} still running: ${left.join(', ')}`,
    );
  } else {
    const how = forced ? colors.yellow(' (it had to be killed)') : '';
    output.line(
      `${colors.green('down')}${how}: ${plural(processes, 'process')} stopped, none left, ${durationText(durationMs)}`,
    );
    output.line('Subagents continue at the next `subagents up`.');
  }
  return left.length > 0 ? EXIT.failed : EXIT.ok;
}
