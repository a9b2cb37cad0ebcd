import type { CommandLine, Start } from '../program.ts';

/** Declares the commands that use the work of subagents. */
export function declareMerging(program: CommandLine, start: Start): void {
  program.commandsGroup('Get the work out:');
  program
    .command('diff')
    .description('show what a subagent changed; for a live one including uncommitted changes')
    .argument('<target>', 'the subagent')
    .option('--stat', 'one line per file')
    .option('--no-pager', 'print without a pager')
    .action((target, options) =>
      start(async (context) => (await import('../commands/diff.ts')).diffCommand(context, target, options)),
    );
  program
    .command('merge')
    .description('merge the branch of a finished subagent into the branch that is checked out here')
    .argument('<target>', 'the subagent')
    .option('--squash', 'merge as one commit')
    .option('-m, --message <text>', 'commit message')
    .option(
      '--force',
      'merge even if it did not end as done, has a blocking caveat, or its branch has moved since',
    )
    .action((target, options) =>
      start(async (context) => (await import('../commands/merge.ts')).mergeCommand(context, target, options)),
    );
  program
    .command('clean')
    .description('remove what finished subagents left: worktrees, branches, Copilot state')
    .argument('[targets...]', 'the subagents (default: all finished ones of the session)')
    .option('--all-sessions', 'all finished subagents of all sessions')
    .option('-r, --repo <path>', 'only subagents of this repository, a path or URL (default: all)')
    .option('--merged', 'only subagents whose branch is merged')
    .option('--dry-run', 'show what would be removed and kept, and remove nothing')
    .option('--force', 'also remove commits that are on no other branch, and uncommitted files')
    .action((targets, options) =>
      start(async (context) =>
        (await import('../commands/clean.ts')).cleanCommand(context, targets, options),
      ),
    );
}
