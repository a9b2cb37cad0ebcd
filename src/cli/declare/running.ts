import { Option } from '@commander-js/extra-typings';
import type { CommandLine, Start } from '../program.ts';
import { durationMs, loopback, poolName, poolNames } from './values.ts';

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
    .description('check this machine, or a worker of a pool: git, Temporal, Copilot, model, disk, sandbox')
    .option('--pool <name>', 'have a worker of this pool look, before anything is spawned there', poolName)
    .option('-r, --repo <url>', 'with --pool: the worker also reads this repository and its .subagents.json')
    .action((options) =>
      start(async (context) => (await import('../commands/doctor.ts')).doctorCommand(context, options)),
    );
  declareWorker(program, start);
  declareKeys(program, start);
  declareStore(program, start);
  declarePolicy(program, start);
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

function declareWorker(program: CommandLine, start: Start): void {
  const worker = program
    .command('worker')
    .description('join an existing Temporal server as a worker')
    .option(
      '--pool <name>',
      'also take the subagents that anybody sends to this pool (repeatable)',
      poolNames,
    )
    .option('--log-file <path>', 'its log; kept below 10 MiB (default: logs/worker.log in the home)')
    .option(
      '--exit-when-idle <duration>',
      'end with exit code 0 once nobody has needed it for this long, for example 10m',
      durationMs,
    )
    .action((options) =>
      start(async (context) => (await import('../commands/worker.ts')).workerCommand(context, options)),
    );
  worker
    .command('forget')
    .description('give up a worker that will not come back; its subagents end as lost')
    .argument('<worker>', 'id of the worker, as in `subagents workers`')
    .action((id) =>
      start(async (context) => (await import('../commands/forget.ts')).forgetCommand(context, id)),
    );
  worker
    .command('health')
    .description('whether the worker of this home lives: exit code 0 or 1, and one line; for containers')
    .action(() =>
      start(async (context) => (await import('../commands/worker-health.ts')).workerHealthCommand(context)),
    );
}

function declarePolicy(program: CommandLine, start: Start): void {
  const commands = () => import('../commands/policy.ts');
  const policy = program
    .command('policy')
    .description('the rules that allow, ask for or deny what subagents do');
  policy
    .command('check')
    .description('show what the policies here decide on a command, path, host or tool, and by which rule')
    .argument('[command...]', 'a shell command, in quotes')
    .option('--path <path>', 'a file or folder that is read')
    .option('--write', 'with --path: it is written')
    .option('--host <host>', 'a host, or the address of a page')
    .option('--tool <name>', 'a tool, for example web_fetch, or server/tool for one of an MCP server')
    .option('--policy <policy>', 'the policy of a spawn: careful, or a JSON file')
    .option('-r, --repo <path>', 'the folder with .subagents.json (default: current folder)')
    .action((words, options) =>
      start(async (context) => (await commands()).policyCheckCommand(context, words, options)),
    );
  policy
    .command('show')
    .description('show the policies here: of the worker (SUBAGENTS_POLICY), of the repository, of a spawn')
    .option('--policy <policy>', 'the policy of a spawn: careful, or a JSON file')
    .option('-r, --repo <path>', 'the folder with .subagents.json (default: current folder)')
    .action((options) => start(async (context) => (await commands()).policyShowCommand(context, options)));
}

function declareStore(program: CommandLine, start: Start): void {
  const commands = () => import('../commands/store.ts');
  const store = program
    .command('store')
    .description('the store of a fleet (SUBAGENTS_STORE), which the work of subagents goes through');
  store
    .command('init')
    .description('make a store, in an empty folder or bucket; nothing else makes one')
    .action(() => start(async (context) => (await commands()).initStore(context)));
  store
    .command('status')
    .description('show its size, by subagent, and its oldest object; tries to write')
    .action(() => start(async (context) => (await commands()).storeStatus(context)));
  store
    .command('list')
    .description('list what is in it')
    .action(() => start(async (context) => (await commands()).listStore(context)));
  store
    .command('clean')
    .description(
      'remove work that is merged, and uploads that no spawn used; never work that is merged nowhere',
    )
    .option('-n, --dry-run', 'only show what would be removed')
    .option('-r, --repo <path>', 'repository to look for merged work in (default: current folder)')
    .action((options) => start(async (context) => (await commands()).cleanStore(context, options)));
}

function declareKeys(program: CommandLine, start: Start): void {
  const commands = () => import('../commands/keys.ts');
  const keys = program
    .command('keys')
    .description('the keys that encrypt messages on the server')
    .action(() => start(async (context) => (await commands()).listKeys(context)));
  keys
    .command('init')
    .description('make the first key of this home: messages are encrypted from the next `up` on')
    .option('--anew', 'in place of keys that are lost: what they encrypted can never be read again')
    .action((options) => start(async (context) => (await commands()).initKeys(context, options)));
  keys
    .command('rotate')
    .description('make a new key that encrypts; the old ones still decrypt')
    .option('--prepare', 'only make it: the next `keys rotate` lets it encrypt, once everybody has it')
    .action((options) => start(async (context) => (await commands()).rotateKeys(context, options)));
  keys
    .command('usage')
    .description('how many runs on the server are still under which key; reads all histories')
    .action(() => start(async (context) => (await commands()).showUsage(context)));
  keys
    .command('backup')
    .description('print the ring with its secrets, to keep elsewhere')
    .action(() => start(async (context) => (await commands()).backupKeys(context)));
  keys
    .command('remove')
    .description('remove an old key, once nothing on the server is under it')
    .argument('<key>', 'its id')
    .option('--force', 'also where something is: that can never be read again')
    .action((id, options) => start(async (context) => (await commands()).removeKey(context, id, options)));
  keys
    .command('require')
    .description('refuse messages that are not encrypted, once no run from before the key is open')
    .action(() => start(async (context) => (await commands()).requireKeys(context)));
  keys
    .command('codec')
    .description("the endpoint for `temporal --codec-endpoint`; encrypts for one subagent's workflow")
    .argument('[target]', 'the subagent that is sent something; not needed to read')
    .option('--auth', 'print what to put into TEMPORAL_CODEC_AUTH, a secret')
    .action((target, options) =>
      start(async (context) => (await commands()).showCodec(context, target, options)),
    );
}
