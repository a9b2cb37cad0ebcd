import type { Program, Start } from '../program.ts';
import { amount, durationMs, repeated } from './values.ts';

/** Commands that hand over work and act on it. */
export function declareDelegating(program: Program, start: Start): void {
  program.commandsGroup('Delegate:');
  program
    .command('spawn')
    .description('hand a task to a new subagent')
    .argument('<label>', 'names the subagent and its branch, subagents/<label>')
    .argument('[task...]', 'what to do, where, and what done looks like; "-" reads stdin')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option('-m, --model <model>', 'a model the worker allows')
    .option('-t, --thinking <level>', 'off, low, medium, high or xhigh')
    .option('-r, --repo <path>', 'git repository, or its URL (default: that of the current folder)')
    .option('-b, --base <ref>', 'commit, branch or tag to start from (default: HEAD)')
    .option('--in-place', 'work in the checkout itself, without a worktree of its own')
    .option('--with-changes', 'carry your uncommitted changes along, as the first commit of its branch')
    .option('--push', 'push its branch once it is done, where --repo is a URL')
    .option('--setup <command>', 'runs in the new worktree before the first turn (repeatable)', repeated)
    .option('-v, --verify <command>', 'must exit 0 before it is done (repeatable)', repeated)
    .option('--permissions <level>', 'what its tools may do: all (default), workspace or read-only')
    .option('--trust-repo', 'load the hooks, extensions and MCP servers for Copilot that the repository has')
    .option('--env <name>', 'give its shells this secret variable of the worker (repeatable)', repeated)
    .option('--signing <how>', 'off: do not sign commits (default: as git is configured)')
    .option('--timeout <duration>', 'working time allowed, for example 45m (default: 4h)')
    .option('--stuck-after <duration>', 'silence after which it is announced as stuck (default: 10m)')
    .option('--on-stuck <what>', 'report (default), nudge or kill')
    .option('--hung-after <duration>', 'silence of a model call after which it is tried again (default: 3m)')
    .option('--answer-timeout <duration>', 'how long a question waits for its answer (default: for ever)')
    .option('--max-tokens <count>', 'tokens it may use, in and out together', amount)
    .option('--max-turns <count>', 'turns it may take', amount)
    .option('--max-requests <count>', 'model requests it may make', amount)
    .option('-w, --wait', 'wait for its end; exit code by outcome')
    .action((label, task, options) =>
      start(async (context) => (await import('../commands/spawn.ts')).spawn(context, label, task, options)),
    );
  program
    .command('steer')
    .description('send a message into a live subagent')
    .argument('<target>', 'the subagent')
    .argument('[message...]', 'what to tell it; "-" reads stdin')
    .option('-f, --file <file>', 'read the message from a file ("-" reads stdin)')
    .option('-i, --interrupt', 'stop the tool that runs first')
    .action((target, message, options) =>
      start(async (context) =>
        (await import('../commands/steer.ts')).steer(context, target, message, options),
      ),
    );
  program
    .command('continue')
    .description('go on with a subagent that has ended: same conversation, branch and worktree, a new task')
    .argument('<target>', 'the subagent')
    .argument('[task...]', 'what to do now; "-" reads stdin')
    .option('-f, --file <file>', 'read the task from a file ("-" reads stdin)')
    .option('-m, --model <model>', 'another model')
    .option('-t, --thinking <level>', 'off, low, medium, high or xhigh')
    .option('-v, --verify <command>', 'in place of the verification before (repeatable)', repeated)
    .option('--permissions <level>', 'what its tools may do: all, workspace or read-only')
    .option('--trust-repo', 'load the hooks, extensions and MCP servers for Copilot that the repository has')
    .option('--timeout <duration>', 'working time allowed')
    .option('--stuck-after <duration>', 'silence after which it is announced as stuck')
    .option('-w, --wait', 'wait for its end; exit code by outcome')
    .action((target, task, options) =>
      start(async (context) =>
        (await import('../commands/continue.ts')).continueSubagent(context, target, task, options),
      ),
    );
  program
    .command('answer')
    .description('answer a question of a subagent')
    .argument('<target>', 'the subagent')
    .argument('<answer...>', 'the answer; "-" reads stdin')
    .option('-q, --question <id>', 'which question, where several are open (default: the oldest)')
    .action((target, answer, options) =>
      start(async (context) =>
        (await import('../commands/answer.ts')).answer(context, target, answer, options),
      ),
    );
  program
    .command('kill')
    .description('end subagents and every process they have left, and show the proof')
    .argument('[targets...]', 'the subagents')
    .option('-a, --all', 'every live subagent of the session')
    .option('--force', 'end one whose worker is away, too: as lost, without the proof')
    .action((targets, options) =>
      start(async (context) => (await import('../commands/kill.ts')).kill(context, targets, options)),
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
      start(async (context) => (await import('../commands/wait.ts')).wait(context, targets, options)),
    );
}
