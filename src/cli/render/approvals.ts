import type { Approval, DecidedApproval } from '../../client/index.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { age, localTime } from './time.ts';

/** A call on one line: `bash: git push origin main`. */
export const callText = ({ tool, what }: Pick<Approval, 'tool' | 'what'>): string =>
  oneLine(`${tool}: ${what}`, 500);

/** An approval that waits for a decision, with the rule that asks and the commands that decide. */
export function approvalLines(approval: Approval, name: string, colors: Colors): string[] {
  const { id, rule, layer, reason, always, at } = approval;
  const asks = [
    ...(rule === undefined ? [] : [`rule ${rule}`]),
    ...(layer === undefined ? [] : [`of ${layer}`]),
    ...(reason === undefined ? [] : [`(${reason})`]),
  ].join(' ');
  return [
    `  ${colors.dim(id)} ${callText(approval)}  ${colors.dim(age(at, Date.now()))}`,
    ...(asks === '' ? [] : [`    asked for by ${oneLine(asks, 500)}`]),
    ...(always === undefined ? [] : [`    --always approves: ${oneLine(always, 300)}`]),
    `    → subagents approve ${name} -a ${id}   or   subagents reject ${name} -a ${id} "<why>"`,
  ];
}

/** A decision, with who made it and when. */
export function decidedText(approval: DecidedApproval): string {
  const { decision, by, decidedAt, why } = approval;
  const who = by === undefined ? '' : ` by ${oneLine(by, 200)}`;
  const words = why === undefined ? '' : `: ${oneLine(why, 500)}`;
  return `${decision}${who}, ${localTime(decidedAt)}: ${callText(approval)}${words}`;
}
