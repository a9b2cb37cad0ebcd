import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { OneAttempt, type Attempts } from '../../src/worker/interceptors/one-attempt.ts';

const attempts: Attempts = new Map();
const log: string[] = [];

/** Runs an activity of a run, as the worker does, until `end` is called. */
function start(name: string, activityType: string, runId: string) {
  const environment = new MockActivityEnvironment({
    activityType,
    workflowExecution: { workflowId: `subagent/test/${runId}`, runId },
  });
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const done = environment.run(() =>
    new OneAttempt(Context.current(), attempts).execute({ args: [], headers: {} }, async () => {
      log.push(`${name} begins`);
      await ended;
      log.push(`${name} ends`);
    }),
  );
  done.catch(() => undefined);
  return { end, done, environment };
}

it('lets an attempt of a run begin once the one before has ended, whatever it is of', async () => {
  const [evidence, again, verification] = [
    start('evidence', 'collectEvidence', 'r1'),
    start('evidence again', 'collectEvidence', 'r1'),
    start('verification', 'verifyCommit', 'r1'),
  ];
  const [other, turn] = [start('other', 'collectEvidence', 'r2'), start('turn', 'runTurn', 'r1')];
  await expect.poll(() => [...log].sort()).toEqual(['evidence begins', 'other begins', 'turn begins']);
  evidence.end();
  await expect.poll(() => log.slice(3)).toEqual(['evidence ends', 'evidence again begins']);
  again.end();
  verification.end();
  await verification.done;
  expect(log.slice(5)).toEqual(['evidence again ends', 'verification begins', 'verification ends']);
  for (const each of [other, turn]) each.end();
  await Promise.all([other.done, turn.done]);
  await expect.poll(() => attempts.size).toBe(0);
});

it('lets one that is cancelled while it waits go, and keeps the order of the others', async () => {
  log.length = 0;
  const first = start('first', 'verifyCommit', 'r3');
  await delay(5);
  const waiting = start('waiting', 'verifyCommit', 'r3');
  await delay(5);
  waiting.environment.cancel();
  await expect(waiting.done).rejects.toThrow(/CANCELLED/);
  first.end();
  await first.done;
  expect(log).toEqual(['first begins', 'first ends']);
  await expect.poll(() => attempts.size).toBe(0);
});
