import type { CommandLine, Start } from '../program.ts';
import { count, durationMs } from './values.ts';

/** Declares the commands that only read. */
export function declareReading(program: CommandLine, start: Start): void {
  program.commandsGroup('Look:');
  program
    .command('list')
    .alias('ls')
    .description('the subagents of all sessions: live ones, then the newest finished')
    .option('-a, --all', 'every finished subagent that is still known')
    .option('-n, --finished <count>', 'how many finished ones of each session (default: 10)', count)
    .option('--status <names>', 'only of these, for example asking,failed')
    .option('--repo <repository>', 'only of this one: a path, a URL, or its last name')
    .action((options) =>
      start(async (context) => (await import('../commands/list.ts')).listCommand(context, options)),
    );
  program
    .command('watch')
    .description('the same as a live table: arrows scroll, q ends it')
    .option('-i, --interval <duration>', 'how often to look (default: 1s)', durationMs)
    .option('--status <names>', 'only of these, for example asking,failed')
    .option('--repo <repository>', 'only of this one: a path, a URL, or its last name')
    .action((options) =>
      start(async (context) => (await import('../commands/watch.ts')).watchCommand(context, options)),
    );
  program
    .command('show')
    .description('everything known of a subagent: state, evidence, verification, steers, notes')
    .argument('<target>', 'the subagent')
    .action((target) =>
      start(async (context) => (await import('../commands/show.ts')).showCommand(context, target)),
    );
  program
    .command('logs')
    .description('what a subagent said and did')
    .argument('<target>', 'the subagent')
    .option('-f, --follow', 'go on until it ends')
    .option('--reasoning', 'with the reasoning of the model, where it shows any')
    .action((target, options) =>
      start(async (context) => (await import('../commands/logs.ts')).logsCommand(context, target, options)),
    );
  program
    .command('announcements')
    .description('what the session has to tell and nobody has acknowledged yet')
    .option('-f, --follow', 'go on, as they come')
    .option('--ack', 'acknowledge what is shown')
    .option('--receiver <name>', 'whose; receivers do not take each other’s', 'main')
    .action((options) =>
      start(async (context) =>
        (await import('../commands/announcements.ts')).announcementsCommand(context, options),
      ),
    );
  program
    .command('open')
    .description('the Temporal Web UI, at a subagent where one is named')
    .argument('[target]', 'the subagent')
    .option('--print', 'only print the link')
    .action((target, options) =>
      start(async (context) => (await import('../commands/open.ts')).openCommand(context, target, options)),
    );
}
