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
    .argument('<label>', 'names the subagent and its branch, subagents/<label>')
    .argument('[task...]', 'what to do, where, and what done looks like; "-" reads stdin')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait for its end; exit code by outcome');
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
    .argument('[message...]', 'what to tell it; "-" reads stdin')
    .option('-f, --file <file>', 'read the message from a file ("-" reads stdin)')
    .option('-i, --interrupt', 'stop the tool that runs first')
    .option(...REQUEST_ID)
    .action((target, message, options) =>
      start(async (context) =>
        (await import('../commands/steer.ts')).steerCommand(context, target, message, options),
      ),
    );
  const goOn = program
    .command('continue')
    .description('go on with a subagent that has ended: same conversation, branch and worktree, a new task')
    .argument('<target>', 'the subagent')
    .argument('[task...]', 'what to do now; "-" reads stdin. What is not said stays as it was')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option(...REQUEST_ID)
    .option('-w, --wait', 'wait for its end; exit code by outcome');
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
    .option('-q, --question <id>', 'which question: needed where several are open')
    .option(...REQUEST_ID)
    .action((target, answer, options) =>
      start(async (context) =>
        (await import('../commands/answer.ts')).answerCommand(context, target, answer, options),
      ),
    );
  program
    .command('kill')
    .description('end subagents and every process they have left, and show the proof')
    .argument('[targets...]', 'the subagents')
    .option('-a, --all', 'every live subagent of the session')
    .option(
      '--force',
      'end one whose worker is away, or whose workflow fails, too: as lost, without the proof',
    )
    .action((targets, options) =>
      start(async (context) => (await import('../commands/kill.ts')).killCommand(context, targets, options)),
    );
  program
    .command('wait')
    .description('wait until subagents have ended; exit code by outcome')
    .argument('[targets...]', 'the subagents (default: every live one of the session)')
    .option('-a, --all', 'every live subagent of all sessions')
    .option('-n, --next', 'return with the next announcement of the session, of whatever kind')
    .option('--timeout <duration>', 'give up after this long (exit code 4)', durationMs)
    .option('--receiver <name>', 'with --next: whose; what is shown is acknowledged', 'main')
    .action((targets, options) =>
      start(async (context) => (await import('../commands/wait.ts')).waitCommand(context, targets, options)),
    );
}
