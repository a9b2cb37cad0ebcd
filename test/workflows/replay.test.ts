/** Every change of a workflow must replay the histories that earlier versions wrote. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';

const histories = fileURLToPath(new URL('../histories/', import.meta.url));
const codePath = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
const files = readdirSync(histories).filter((file) => file.endsWith('.json'));

describe('committed histories', () => {
  beforeAll(() => Runtime.install({ logger: new DefaultLogger('ERROR') }));

  it('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('replays %s', async (file) => {
    const history: unknown = JSON.parse(readFileSync(`${histories}${file}`, 'utf8'));
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history);
  });

  it('notices a history that does not fit', async () => {
    const file = files.find((name) => name.startsWith('subagent'));
    const history = JSON.parse(readFileSync(`${histories}${file}`, 'utf8')) as {
      events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
    };
    const scheduled = history.events.find(
      (event) => event.activityTaskScheduledEventAttributes,
    )?.activityTaskScheduledEventAttributes;
    expect(scheduled).toBeDefined();
    if (scheduled) scheduled.activityType.name = 'anotherActivity';
    await expect(Worker.runReplayHistory({ workflowBundle: { codePath } }, history)).rejects.toThrow(
      /[Nn]ondeterminism/,
    );
  });
});
