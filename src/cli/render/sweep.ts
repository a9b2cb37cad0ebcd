import type { SweepReport } from '../../contract/outcome/outcome.ts';
import { oneLine } from '../../contract/text/text.ts';
import { plural } from './numbers.ts';
import { durationText } from './time.ts';

/** The proof of death as text. */
export function sweepLines(sweep: SweepReport): string[] {
  const proof =
    sweep.proof === 'proven' ? 'proven by a last scan' : 'unproven: not every process could be looked at';
  const left = sweep.left.length === 0 ? 'none left' : `${sweep.left.length} LEFT`;
  const found =
    sweep.found === 0
      ? 'it had left no process behind'
      : `${plural(sweep.found, 'process')} found, ${sweep.ended} ended, ${left}`;
  return [
    `${found} (${proof}; ${durationText(sweep.durationMs)})`,
    ...sweep.left.map(({ pid, command }) => `left: ${pid} ${oneLine(command, 120)}`),
    ...sweep.commands.map((command) => `was running: ${oneLine(command, 120)}`),
    ...(sweep.notChecked.length === 0 ? [] : [`not checked: ${oneLine(sweep.notChecked.join('; '), 400)}`]),
  ];
}
