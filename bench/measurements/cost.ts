/**
 * The cost of subagents: processor time by component for twenty side by side, for a long one per minute and for an idle
 * `up`; and the git processes, workflow tasks and Temporal actions of a small one (a worktree, one turn, one
 * verification).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { subagentWorkflowId } from '../../src/contract/index.ts';
import { median, rounded, type Figure } from '../figure.ts';
import { GitTrace } from '../git-trace.ts';
import type { Measurement } from '../measurement.ts';
import { COMPONENTS, processorTime, usedBetween, type Component, type ProcessorTime } from '../processor.ts';
import { Rig } from '../rig.ts';
import { HELLO, VERIFY_HELLO, WAIT } from '../tasks.ts';
import { eventTypes, withClient } from '../temporal.ts';

const COUNT = 20;
/** How long the idle `up` and the long subagent are watched. */
const WATCHED_MS = 30_000;
/** Wait after the last announcement, so that closing and sweeping are included. */
const SETTLE_MS = 1_500;
const MINUTE_MS = 60_000;

/** Our own components: all except Copilot's runtime, tools called by the model, and programs that we do not run. */
const OURS: readonly Component[] = ['server', 'up', 'worker', 'commands', 'client'];
/** Goal for our own components together, per subagent, with twenty side by side. */
const GOAL_MS = 350;

/** Events that Temporal Cloud counts as actions. Heartbeats and queries count too, but leave no events. */
const ACTIONS: ReadonlySet<string> = new Set([
  'workflowExecutionStarted',
  'workflowExecutionSignaled',
  'workflowExecutionUpdateAccepted',
  'activityTaskScheduled',
  'timerStarted',
  'upsertWorkflowSearchAttributes',
  'signalExternalWorkflowExecutionInitiated',
  'startChildWorkflowExecutionInitiated',
  'markerRecorded',
]);

export const cost: Measurement = {
  name: 'cost',
  defaultRuns: 3,
  async measure({ runs, progress }) {
    if (process.platform !== 'linux') return [];
    return [...(await processorFigures(runs, progress)), ...(await countFigures(runs, progress))];
  },
};

async function processorFigures(runs: number, progress: (line: string) => void): Promise<Figure[]> {
  await using rig = await Rig.open({ slots: COUNT, onProgress: progress });
  const watch = async (): Promise<ProcessorTime> => {
    const before = processorTime(rig.folder);
    await delay(WATCHED_MS);
    return usedBetween(before, processorTime(rig.folder), WATCHED_MS / MINUTE_MS);
  };
  const twenty: ProcessorTime[] = [];
  for (let run = 1; run <= runs; run++) {
    const labels = Array.from({ length: COUNT }, (_, index) => `cost-${run}-${index}`);
    const before = processorTime(rig.folder);
    await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
    for (const label of labels) await rig.arrivals.of(label);
    await delay(SETTLE_MS);
    twenty.push(usedBetween(before, processorTime(rig.folder), COUNT));
    progress(`${run} of ${runs}: ${sum(twenty.at(-1)).toFixed(0)} ms of ours a subagent`);
  }
  const idle = await watch();
  await rig.spawn({ label: 'long', task: WAIT });
  await rig.shells('ours', 1);
  await delay(SETTLE_MS);
  const long = await watch();
  return [
    ...COMPONENTS.map((component): Figure => ({
      name: `cost-${component}`,
      unit: 'ms',
      value: rounded(median(twenty.map((each) => each[component]))),
    })),
    { name: 'cost-ours', unit: 'ms', value: rounded(median(twenty.map(sum))), goal: GOAL_MS },
    { name: 'cost-of-an-idle-up-a-minute', unit: 'ms', value: rounded(sum(idle)) },
    { name: 'cost-of-a-long-one-a-minute', unit: 'ms', value: rounded(sum(long) - sum(idle)) },
  ];
}

async function countFigures(runs: number, progress: (line: string) => void): Promise<Figure[]> {
  await using trace = await GitTrace.begin();
  await using rig = await Rig.open({ gitConfig: trace.config, onProgress: progress });
  const counts: { git: number; tasks: number; actions: number }[] = [];
  await withClient(rig, async (client) => {
    for (let run = 1; run <= runs; run++) {
      const label = `count-${run}`;
      const before = trace.processes;
      await rig.spawn({ label, task: HELLO, verify: [VERIFY_HELLO] });
      await rig.arrivals.of(label);
      await delay(SETTLE_MS);
      const types = await eventTypes(client, subagentWorkflowId(rig.session.name, label));
      counts.push({
        git: trace.processes - before,
        tasks: types.filter((type) => type === 'workflowTaskCompleted').length,
        actions: types.filter((type) => ACTIONS.has(type)).length,
      });
    }
  });
  const figure = (name: string, unit: Figure['unit'], of: keyof (typeof counts)[number]): Figure => ({
    name,
    unit,
    value: median(counts.map((each) => each[of])),
  });
  return [
    figure('git-processes-of-a-subagent', 'processes', 'git'),
    figure('workflow-tasks-of-a-subagent', 'tasks', 'tasks'),
    figure('temporal-actions-of-a-subagent', 'actions', 'actions'),
  ];
}

const sum = (used: ProcessorTime | undefined): number =>
  used === undefined ? Number.NaN : OURS.reduce((total, component) => total + used[component], 0);
