/** The demo: the main job, end to end, in a throw-away repository. Every line it prints was observed. */
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/index.ts';
import { aborted } from '../worker/up/supervise-process.ts';
import { showOutcomes } from './acts/closing.ts';
import { killTheWrongOne } from './acts/kill.ts';
import { spawnThree } from './acts/spawn.ts';
import { steerDocs } from './acts/steer.ts';
import { killTheWorker } from './acts/worker-death.ts';
import { subagentsCommand } from './command.ts';
import { keepRunning } from './keep.ts';
import { Narrator } from './narrator.ts';
import { Pushes } from './pushes.ts';
import { Stage } from './stage.ts';
import { requireInTime, pollUntil } from './until.ts';

/** How the demo runs. */
export interface DemoOptions {
  /** Whether to leave everything running at the end. */
  readonly keep: boolean;
  /** Whether to print JSON lines (`demoEvent`). */
  readonly json: boolean;
  readonly color?: boolean | undefined;
  /** Default `process.env`. Temporal's variables are ignored, because the server is always an embedded one. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Ends the demo early: everything is stopped and removed. */
  readonly signal?: AbortSignal | undefined;
  /** Shortens the end: what does not stop at once is killed. */
  readonly hurry?: AbortSignal | undefined;
}

/** Exit codes: all expectations were met; some were not; interrupted. */
const EXIT = { ok: 0, failed: 1, interrupted: 130 } as const;

const NEVER = new AbortController().signal;

/** Milliseconds to wait for the last entries of a transcript. */
const LAST_WORDS_MS = 3_000;

/**
 * Plays the demo. At its end everything is stopped and removed; with `keep`, unless interrupted, the home is handed to
 * an `up` in the background instead. @returns the exit code
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { json, color = false, env = process.env, signal = NEVER, hurry = NEVER } = options;
  const narrator = new Narrator({ json, color, write: (text) => process.stdout.write(text) });
  narrator.line('Durable subagents, the demo: three subagents in a throw-away repository. Ctrl-C ends it.');
  const stage = await Stage.make({ narrator, env, signal, hurry });
  const playing = play(stage);
  let failed = false;
  try {
    await Promise.race([playing, aborted(signal)]);
  } catch (error) {
    failed = true;
    if (!signal.aborted) printFailure(narrator, error, options.keep);
  }
  if (signal.aborted)
    narrator.report('demo', 'interrupted', 'Interrupted. Stopping and removing everything.');
  await stage.stop();
  // An interrupted play ends at its next check of the signal; what it started until then is stopped too.
  await playing.catch(() => undefined);
  await stage.stop();
  if (options.keep && !signal.aborted) await keepRunning(stage, env);
  else await stage.remove();
  if (signal.aborted) return EXIT.interrupted;
  return printEnd(stage, failed, env);
}

async function play(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.title('Setting up');
  await stage.open();

  narrator.title('A morning of a team');
  const { session, eventTimeoutMs: timeoutMs } = stage;
  const listening = new AbortController();
  const signal = AbortSignal.any([stage.signal, listening.signal]);
  const pushes = new Pushes(session, narrator);
  const receiving = pushes.receive(signal);
  const watched: Promise<void>[] = [];
  try {
    const runs = await spawnThree(stage);
    const labels = [...runs.keys()];
    watched.push(...labels.map((label) => stage.activity.follow(label, signal)));
    const followed = Promise.all(watched);
    watched.push(stage.activity.followStatuses(signal));
    await steerDocs(stage);
    await killTheWrongOne(stage);
    await killTheWorker(stage, runs);
    const ends = await pollUntil(() => pushes.endsOf(labels), { timeoutMs, signal });
    requireInTime(ends, `an announcement of the end of ${labels.join(', ')}`, timeoutMs);
    // The last transcript entries arrive a moment after the ends.
    await Promise.race([followed, delay(LAST_WORDS_MS, undefined, { ref: false })]);
    pushes.summary(labels);

    narrator.title('The results');
    await showOutcomes(stage, runs);
  } finally {
    listening.abort();
    await Promise.all([...watched, receiving]);
  }
}

function printFailure(narrator: Narrator, error: unknown, kept: boolean): void {
  const known = error instanceof SubagentsError ? error : undefined;
  const text = known?.message ?? String(error);
  narrator.check(false, 'demo', 'failed', text, { code: known?.code ?? 'INTERNAL', remedy: known?.remedy });
  if (known?.remedy !== undefined) narrator.detail(known.remedy);
  if (!kept) narrator.detail('Its home, with the logs, is removed now; --keep keeps it.');
}

/** Prints the last lines: the command for the user's own repository, or the expectations that were not met. */
function printEnd({ narrator, modelRemedy }: Stage, failed: boolean, env: NodeJS.ProcessEnv): number {
  const { unmet } = narrator;
  if (failed || unmet.length > 0) {
    narrator.title('Not everything went as expected:');
    for (const text of unmet) narrator.line(`  ${text}`);
    narrator.end(EXIT.failed, { unmet });
    return EXIT.failed;
  }
  const command = `${subagentsCommand(env)} spawn fix-login "The login test fails. Find out why and fix it." --repo path/to/your/repository --verify "npm test"`;
  narrator.title('In your own repository:');
  if (modelRemedy !== undefined) narrator.line(`(for a real model first: ${modelRemedy})`);
  narrator.end(EXIT.ok, { unmet, command });
  narrator.line(command);
  return EXIT.ok;
}
