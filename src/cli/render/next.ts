import type { Outcome } from '../../client/index.ts';
import type { Colors } from '../output.ts';

/**
 * What to do with a subagent that has ended: where its work is, and the commands that go on from there.
 * @param name as a command takes it
 */
export function nextLines(outcome: Outcome, name: string, colors: Colors): string[] {
  const { evidence, status } = outcome;
  if (evidence === undefined) return [];
  const { cwd, branch, commitCount, repository } = evidence;
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  const inPlace = branch?.startsWith('subagents/') !== true;
  const commands = [
    `subagents diff ${name}`,
    ...(inPlace || commitCount === 0
      ? []
      : repository !== undefined
        ? [`git fetch ${repository} ${branch}`]
        : [`subagents merge ${name}${status === 'done' ? '' : ' --force'}`]),
    `subagents continue ${name} "<task>"`,
    `subagents clean ${name}`,
  ];
  return [
    row(inPlace ? 'folder' : 'worktree', cwd),
    row('branch', branch ?? 'none'),
    ...commands.map((command, index) => row(index === 0 ? 'next' : '', command)),
  ];
}
