import type { Outcome } from '../../client/index.ts';
import type { Remains } from '../../contract/protocol/messages.ts';
import { blocking } from '../../contract/outcome/caveat.ts';
import type { Colors } from '../output.ts';
import type { Cleaned } from '../../contract/reports/types.ts';

/**
 * The next steps for a subagent that has ended: where its work is, and the commands that use it.
 * @param name the target for the commands
 * @param cleaned what a clean has removed
 */
export function nextLines(outcome: Outcome, name: string, colors: Colors, cleaned?: Cleaned): string[] {
  const { evidence, status, caveats, saved } = outcome;
  if (evidence === undefined) return [];
  const { cwd, branch, commitCount, repository } = evidence;
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  const inPlace = branch?.startsWith('subagents/') !== true;
  const isGone = (what: Remains): boolean => cleaned?.removed.includes(what) ?? false;
  if (isGone('branch')) return [];
  const commands = [
    `subagents diff ${name}`,
    ...(inPlace || commitCount === 0
      ? []
      : repository !== undefined && saved === undefined
        ? [`git fetch ${repository} ${branch}`]
        : [
            `subagents merge ${name}${status === 'done' && blocking(caveats).length === 0 ? '' : ' --force'}`,
          ]),
    `subagents continue ${name} "<task>"`,
    `subagents clean ${name}`,
  ];
  return [
    ...(isGone('worktree') ? [] : [row(inPlace ? 'folder' : 'worktree', cwd)]),
    row('branch', branch ?? 'none'),
    ...commands.map((command, index) => row(index === 0 ? 'next' : '', command)),
  ];
}
