import { COMMON_OPTIONS } from '../../contract/spawn/spawn-options.ts';
import type { CommandLine, Start } from '../program.ts';
import { withSpawnOptions } from '../spawn-flags.ts';
import { repeated, REQUEST_ID } from './values.ts';

/** Declares the commands for several subagents that belong together. */
export function declareChaining(program: CommandLine, start: Start): void {
  const chain = program
    .command('chain')
    .description('run steps that build on each other, each a subagent: run, check, retry');
  chain
    .command('run')
    .description('start the chain of a file, or a ready-made chain')
    .argument('<file>', 'a chain file (YAML), "-" for stdin; or research-implement, or review')
    .option(
      '-p, --param <name=value>',
      'a parameter of the chain; @file reads its value from a file (repeatable)',
      repeated,
    )
    .option('-l, --label <label>', 'label of the run (default: the label in the chain)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait until it has ended; the exit code tells the outcome')
    .action((file, options) =>
      start(async (context) =>
        (await import('../commands/chain.ts')).chainRunCommand(context, file, options),
      ),
    );
  chain
    .command('check')
    .description('draw a chain and its parameters, and report problems with line and column')
    .argument('<file>', 'a chain file (YAML), "-" for stdin; or research-implement, or review')
    .action((file) =>
      start(async (context) => (await import('../commands/chain-check.ts')).chainCheckCommand(context, file)),
    );
  chain
    .command('retry')
    .description('run the steps of a chain again that are not done')
    .argument('<target>', 'the chain')
    .option('--from <step>', 'also run this step again, and every step that needs it')
    .option(...REQUEST_ID)
    .action((target, options) =>
      start(async (context) =>
        (await import('../commands/chain.ts')).chainRetryCommand(context, target, options),
      ),
    );
  const batch = program
    .command('batch')
    .description('run the same task in several repositories at once')
    .argument('[task...]', 'what to do in each repository; "-" reads stdin')
    .option('-r, --repo <path>', 'a repository (repeatable)', repeated)
    .option('-l, --label <label>', 'label of the batch; its steps are <label>.<folder>', 'batch')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option('-m, --model <model>', 'model of its subagents')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait until it has ended; the exit code tells the outcome');
  withSpawnOptions(batch, COMMON_OPTIONS).action((task, options) =>
    start(async (context) =>
      (await import('../commands/ready-made.ts')).batchCommand(context, task, options),
    ),
  );
  const race = program
    .command('race')
    .description('give the same task to several subagents: the first that is done and verified wins')
    .argument('<label>', 'label of the race')
    .argument('[task...]', 'what to do; "-" reads stdin')
    .option('-m, --model <model>', 'a subagent with this model (repeatable)', repeated)
    .option('--instruction <text>', 'a subagent with this extra instruction (repeatable)', repeated)
    .option('-r, --repo <path>', 'git repository (default: that of the current folder)')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait until it has ended; the exit code tells the outcome');
  withSpawnOptions(race, COMMON_OPTIONS).action((label, task, options) =>
    start(async (context) =>
      (await import('../commands/ready-made.ts')).raceCommand(context, label, task, options),
    ),
  );
}
