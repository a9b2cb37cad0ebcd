import { CONTINUE_OPTIONS, spawnOptions } from '../../contract/spawn/spawn-options.ts';
import type { CommandLine, Start } from '../program.ts';
import { withSpawnOptions } from '../spawn-flags.ts';
import { durationMs, REQUEST_ID } from './values.ts';

/** Declares the commands that start subagents and act on them. */
export function declareDelegating(program: CommandLine, start: Start): void {
  program.commandsGroup('Delegate:');
  const spawn = program
    .command('spawn')
    .description('hand a task to a new subagent')
    .argument('<label>', 'label of the subagent; its branch is subagents/<label>')
    .argument('[task...]', 'what to do, where, and when it is done; "-" reads stdin')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait until it has ended; the exit code tells the outcome');
  withSpawnOptions(
    spawn,
    spawnOptions().map(({ name }) => name),
  ).action((label, task, options) =>
    start(async (context) =>
      (await import('../commands/spawn.ts')).spawnCommand(context, label, task, options),
    ),
  );
  program
    .command('steer')
    .description('send a message into a live subagent')
    .argument('<target>', 'the subagent')
    .argument('[message...]', 'the message; "-" reads stdin')
    .option('-f, --file <file>', 'read the message from a file ("-" reads stdin)')
    .option('-i, --interrupt', 'stop the running tool first')
    .option(...REQUEST_ID)
    .action((target, message, options) =>
      start(async (context) =>
        (await import('../commands/steer.ts')).steerCommand(context, target, message, options),
      ),
    );
  const goOn = program
    .command('continue')
    .description('continue a subagent that has ended: same conversation, branch and worktree, a new task')
    .argument('<target>', 'the subagent')
    .argument('[task...]', 'the new task; "-" reads stdin. Options that are left out keep their value')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait until it has ended; the exit code tells the outcome');
  withSpawnOptions(goOn, CONTINUE_OPTIONS).action((target, task, options) =>
    start(async (context) =>
      (await import('../commands/continue.ts')).continueCommand(context, target, task, options),
    ),
  );
  program
    .command('answer')
    .description('answer a question of a subagent')
    .argument('<target>', 'the subagent')
    .argument('<answer...>', 'the answer; "-" reads stdin')
    .option('-q, --question <id>', 'which question; required if several are open')
    .option(...REQUEST_ID)
    .action((target, answer, options) =>
      start(async (context) =>
        (await import('../commands/answer.ts')).answerCommand(context, target, answer, options),
      ),
    );
  program
    .command('approve')
    .description('approve a tool call that waits for an approval')
    .argument('<target>', 'the subagent')
    .argument('[why...]', 'the reason, for the outcome')
    .option('-a, --approval <id>', 'which approval; required if several are open')
    .option('--always', 'approve all calls of this kind for the rest of this run')
    .option(...REQUEST_ID)
    .action((target, why, options) =>
      start(async (context) =>
        (await import('../commands/approve.ts')).approveCommand(context, target, why, options),
      ),
    );
  program
    .command('reject')
    .description('reject a tool call that waits for an approval; the subagent goes on without it')
    .argument('<target>', 'the subagent')
    .argument('[why...]', 'the reason, for the subagent and the outcome')
    .option('-a, --approval <id>', 'which approval; required if several are open')
    .option(...REQUEST_ID)
    .action((target, why, options) =>
      start(async (context) =>
        (await import('../commands/approve.ts')).rejectCommand(context, target, why, options),
      ),
    );
  program
    .command('kill')
    .description('end subagents and all their processes, and show the proof')
    .argument('[targets...]', 'the subagents')
    .option('-a, --all', 'all live subagents of the session')
    .option(
      '--force',
      'also end subagents whose worker is away or whose workflow fails; they end as lost, without proof',
    )
    .action((targets, options) =>
      start(async (context) => (await import('../commands/kill.ts')).killCommand(context, targets, options)),
    );
  program
    .command('wait')
    .description('wait until subagents have ended; the exit code tells the outcome')
    .argument('[targets...]', 'the subagents (default: all live ones of the session)')
    .option('-a, --all', 'all live subagents of all sessions')
    .option('-n, --next', 'return with the next announcement of the session, of any kind')
    .option('--timeout <duration>', 'give up after this long (exit code 4)', durationMs)
    .option('--receiver <name>', 'with --next: the receiver; shown announcements are acknowledged', 'main')
    .action((targets, options) =>
      start(async (context) => (await import('../commands/wait.ts')).waitCommand(context, targets, options)),
    );
}
