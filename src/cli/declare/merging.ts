import type { CommandLine, Start } from '../program.ts';

/** Declares the commands that use the work of subagents. */
export function declareMerging(program: CommandLine, start: Start): void {
  program.commandsGroup('Get the work out:');
  program
    .command('diff')
    .description('what a subagent has changed; of a live one with what is not committed')
    .argument('<target>', 'the subagent')
    .option('--stat', 'a line for each file')
    .option('--no-pager', 'print it all at once')
    .action((target, options) =>
      start(async (context) => (await import('../commands/diff.ts')).diffCommand(context, target, options)),
    );
  program
    .command('merge')
    .description('merge the branch of a finished subagent into the branch that is checked out here')
    .argument('<target>', 'the subagent')
    .option('--squash', 'as one commit')
    .option('-m, --message <text>', 'message of the commit')
    .option('--force', 'also when it did not end as done, or its branch has moved since')
    .action((target, options) =>
      start(async (context) => (await import('../commands/merge.ts')).mergeCommand(context, target, options)),
    );
  program
    .command('clean')
    .description('remove what finished subagents have left: worktrees, branches, Copilot state')
    .argument('[targets...]', 'the subagents (default: every finished one of the session)')
    .option('--all-sessions', 'the finished ones of all sessions')
    .option('-r, --repo <path>', 'only those of this repository, or URL (default: of all)')
    .option('--merged', 'only those whose branch is merged')
    .option('--dry-run', 'only say what would be removed and kept')
    .option('--force', 'also commits that are on no other branch, and uncommitted files')
    .action((targets, options) =>
      start(async (context) =>
        (await import('../commands/clean.ts')).cleanCommand(context, targets, options),
      ),
    );
}
