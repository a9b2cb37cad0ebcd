import type { CommandLine, Start } from '../program.ts';
import { count, durationMs } from './values.ts';

/** Declares the commands that only read. */
export function declareReading(program: CommandLine, start: Start): void {
  program.commandsGroup('Look:');
  program
    .command('list')
    .alias('ls')
    .description('list the subagents of all sessions: live ones, then the newest finished ones')
    .option('-a, --all', 'all finished subagents that are still known')
    .option('-n, --finished <count>', 'how many finished subagents per session (default: 10)', count)
    .option('--status <names>', 'only these statuses, for example asking,failed')
    .option('--repo <repository>', 'only this repository: a path, a URL, or its last component')
    .action((options) =>
      start(async (context) => (await import('../commands/list.ts')).listCommand(context, options)),
    );
  program
    .command('watch')
    .description('show the list as a live table: arrow keys scroll, q quits')
    .option('-i, --interval <duration>', 'how often to refresh (default: 1s)', durationMs)
    .option('--status <names>', 'only these statuses, for example asking,failed')
    .option('--repo <repository>', 'only this repository: a path, a URL, or its last component')
    .action((options) =>
      start(async (context) => (await import('../commands/watch.ts')).watchCommand(context, options)),
    );
  program
    .command('workers')
    .description(
      'list the workers of the server: where they are, their pools, slots, versions, last sign of life',
    )
    .action(() => start(async (context) => (await import('../commands/workers.ts')).workersCommand(context)));
  program
    .command('show')
    .description('show everything about a subagent: status, evidence, verification, steers, notes')
    .argument('<target>', 'the subagent')
    .action((target) =>
      start(async (context) => (await import('../commands/show.ts')).showCommand(context, target)),
    );
  program
    .command('audit')
    .description('show who spawned, steered, answered, ended and merged subagents, and when')
    .argument('[targets...]', 'the subagents (default: all of the session)')
    .option('-a, --all', 'all subagents of all sessions')
    .action((targets, options) =>
      start(async (context) =>
        (await import('../commands/audit.ts')).auditCommand(context, targets, options),
      ),
    );
  program
    .command('approvals')
    .description('list the tool calls that wait for an approval, in all sessions')
    .action(() =>
      start(async (context) => (await import('../commands/approvals.ts')).approvalsCommand(context)),
    );
  program
    .command('logs')
    .description('show what a subagent said and did')
    .argument('<target>', 'the subagent')
    .option('-f, --follow', 'follow until the subagent has ended')
    .option('--reasoning', 'include the reasoning of the model, if it shows any')
    .action((target, options) =>
      start(async (context) => (await import('../commands/logs.ts')).logsCommand(context, target, options)),
    );
  program
    .command('announcements')
    .description('show the announcements of the session that are not acknowledged yet')
    .option('-f, --follow', 'follow: print announcements as they arrive')
    .option('--ack', 'acknowledge the announcements that are shown')
    .option('--receiver <name>', 'the receiver; each receiver acknowledges for itself', 'main')
    .action((options) =>
      start(async (context) =>
        (await import('../commands/announcements.ts')).announcementsCommand(context, options),
      ),
    );
  program
    .command('open')
    .description('open the Temporal Web UI, at the page of a subagent if one is named')
    .argument('[target]', 'the subagent')
    .option('--print', 'only print the link')
    .action((target, options) =>
      start(async (context) => (await import('../commands/open.ts')).openCommand(context, target, options)),
    );
}
