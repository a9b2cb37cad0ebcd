import { Option } from '@commander-js/extra-typings';
import type { CommandLine, Start } from '../program.ts';
import { loopback } from './values.ts';

/** Declares the commands that run the product itself. */
export function declareRunning(program: CommandLine, start: Start): void {
  program.commandsGroup('Run:');
  program
    .command('up')
    .description('run a Temporal server and a worker in this home, until Ctrl-C')
    .option('-d, --detach', 'run in the background; `subagents down` stops it')
    // Hidden: only explains why the server listens on no other address.
    .addOption(new Option('--ip <address>').argParser(loopback).hideHelp())
    .action((options) =>
      start(async (context) => (await import('../commands/up.ts')).upCommandHandler(context, options)),
    );
  program
    .command('down')
    .description('stop what `up` runs; subagents continue at the next `up`')
    .option('--now', 'do not wait for a clean stop')
    .action((options) =>
      start(async (context) => (await import('../commands/down.ts')).downCommand(context, options)),
    );
  program
    .command('status')
    .description('show what runs: server, worker, Web UI, number of subagents')
    .action(() => start(async (context) => (await import('../commands/status.ts')).statusCommand(context)));
  program
    .command('doctor')
    .description('check this machine: Node, git, Temporal, Copilot, login, model, disk, home')
    .action(() => start(async (context) => (await import('../commands/doctor.ts')).doctorCommand(context)));
  program
    .command('worker')
    .description('join an existing Temporal server as a worker')
    .action(() => start(async (context) => (await import('../commands/worker.ts')).workerCommand(context)))
    .command('forget')
    .description('give up a worker that will not come back; its subagents end as lost')
    .argument('<worker>', 'id of the worker, as in `subagents show` and announcements')
    .action((id) =>
      start(async (context) => (await import('../commands/forget.ts')).forgetCommand(context, id)),
    );
  program
    .command('mcp')
    .description('run an MCP server on stdin and stdout; MCP clients start it')
    .option(
      '-r, --repo <path>',
      'repository for its spawns and for the name of its session (default: current folder)',
    )
    .action((options) =>
      start(async (context) => (await import('../commands/mcp.ts')).mcpCommand(context, options)),
    );
  program
    .command('install')
    .description('add the tools to interactive Copilot CLI, for you or for one repository')
    .argument('<client>', 'copilot')
    .option('--project', 'add them to the repository of the current folder, for everyone who clones it')
    .action((client, options) =>
      start(async (context) =>
        (await import('../commands/install.ts')).installCommand(context, client, options),
      ),
    );
  program
    .command('uninstall')
    .description('remove what `install` added')
    .argument('<client>', 'copilot')
    .option('--project', 'from the repository of the current folder')
    .action((client, options) =>
      start(async (context) =>
        (await import('../commands/install.ts')).uninstallCommand(context, client, options),
      ),
    );
  program
    .command('demo')
    .description('see subagents work in a throw-away repository')
    .option('--keep', 'keep everything running at the end')
    .action((options) =>
      start(async (context) => (await import('../commands/demo.ts')).demoCommand(context, options)),
    );
  program.commandsGroup('More:');
  program
    .command('completion')
    .description('print a completion script for your shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell) =>
      start(async (context) => (await import('../commands/completion.ts')).completionCommand(context, shell)),
    );
}
