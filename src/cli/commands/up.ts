import { SubagentsError } from '../../contract/errors.ts';
import { openHome } from '../../home/home.ts';
import { dropWhenDiskFull } from '../../system/expendable-output.ts';
import { homeRoot } from '../../system/home-root.ts';
import { isDetached, sendReport, startDetached } from '../../worker/up/detached.ts';
import { runUp } from '../../worker/up/up.ts';
import type { UpEvent } from '../../worker/up/events.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { cliFailure } from '../failure.ts';
import type { UpDetachedJson } from '../json.ts';
import { printServerAccess, printModelAccess } from '../render/facts.ts';
import { clock } from '../render/time.ts';
import { detachedOptions } from '../starting.ts';

/** `subagents up` */
export async function upCommandHandler(
  context: Context,
  options: { readonly detach?: boolean | undefined },
): Promise<number> {
  const { address, profile, namespace } = context.options;
  if (address !== undefined || profile !== undefined || namespace !== undefined) {
    throw new SubagentsError('BAD_INPUT', '`up` always runs its own Temporal server and cannot use another', {
      remedy: 'to run a worker for an existing server: subagents worker --address <host:port>',
    });
  }
  return options.detach === true ? await upDetached(context) : await upHere(context);
}

async function upDetached(context: Context): Promise<number> {
  const { output, env, options } = context;
  output.note('Starting Temporal and a worker in the background …');
  const { up: running, started, log } = await startDetached(detachedOptions(context));
  const home = homeRoot(options.home, env);
  const { pid, address, namespace, uiUrl } = running;
  output.data({ started, pid, address, namespace, uiUrl, home, log } satisfies UpDetachedJson);
  const { colors } = output;
  output.line(started ? colors.green('up') : `${colors.green('already up')}, since ${running.startedAt}`);
  output.fact('Temporal', `${address}, namespace ${namespace}`);
  output.fact('Web UI', uiUrl);
  output.fact('home', home);
  output.fact('log', log);
  if (started) {
    await printModelAccess(context);
    printServerAccess(context, home);
  }
  output.line('`subagents down` stops it; subagents continue at the next `up`.');
  return EXIT.ok;
}

async function upHere(context: Context): Promise<number> {
  const { output, env, options } = context;
  const home = await openHome(homeRoot(options.home, env), env);
  const now = new AbortController();
  const signal = context.interrupt;
  signal.addEventListener('abort', () => {
    output.note('Stopping. Subagents continue at the next `up`. (Ctrl-C again: quit now)');
  });
  context.onSecondInterrupt(() => now.abort());
  output.note('Starting Temporal and a worker …');
  for (const notice of home.notices) output.note(notice);
  const inBackground = isDetached();
  // If a subagent fills the disk with the log, failing writes to the log must not end `up`.
  if (inBackground) for (const stream of [process.stdout, process.stderr]) dropWhenDiskFull(stream);
  let isReported = false;
  const onEvent = (event: UpEvent) => {
    output.data(event);
    printEvent(context, event);
    if (event.event !== 'worker-ready' || isReported) return;
    isReported = true;
    sendReport({ kind: 'ready' });
    output.fact('home', home.root);
    void printModelAccess(context).then(() => {
      // Nobody reads this process's output in the background: the command that started it prints the warning.
      if (!inBackground) printServerAccess(context, home.root);
      output.line('\nCtrl-C stops it; subagents continue at the next `up`.');
    });
  };
  const onProgress = (message: string) => {
    output.note(`  ${message}`);
    sendReport({ kind: 'progress', message });
  };
  try {
    await runUp({ home, onEvent, onProgress, signal, now: now.signal, env });
  } catch (error) {
    const { code, message, remedy } = cliFailure(error);
    sendReport({ kind: 'failed', code, message, ...(remedy && { remedy }) });
    throw error;
  }
  return now.signal.aborted ? EXIT.interrupted : EXIT.ok;
}

const TROUBLE: ReadonlySet<UpEvent['event']> = new Set(['died', 'silent', 'no-space', 'unwritten']);

function printEvent({ output }: Context, event: UpEvent): void {
  if (event.event === 'server-ready' && !event.again) {
    output.fact('Temporal', `${event.address}, namespace ${event.namespace}`);
    output.fact('Web UI', event.uiUrl);
  } else if (event.event === 'worker-ready' && !event.again) {
    output.fact('worker', `${event.workerId}, ${event.slots} slots`);
  } else {
    const { colors } = output;
    const message = TROUBLE.has(event.event) ? colors.yellow(event.message) : event.message;
    output.line(`${colors.dim(clock(event.at))} ${message}`);
  }
}
