/** The time of one subagent by hop, from the event times in its own and its session's history. */
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { sessionWorkflowId, subagentWorkflowId } from '../../src/contract/index.ts';
import { now } from '../clock.ts';
import { HOP_PREFIX, median, rounded, type Figure } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, VERIFY_HELLO } from '../tasks.ts';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type Event = NonNullable<History['events']>[number];

/** A moment, with the name of the hop that ends there. */
interface Mark {
  readonly name: string;
  readonly at: number;
}

export const hops: Measurement = {
  name: 'hops',
  defaultRuns: 20,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const connection = await Connection.connect({ address: rig.subagents.target.address });
    try {
      const client = new Client({ connection, namespace: rig.subagents.target.namespace });
      const all: Mark[][] = [];
      for (let run = 1; run <= runs; run++) all.push(await oneRun(rig, client, `hops-${run}`));
      return figures(all);
    } finally {
      await connection.close();
    }
  },
};

async function oneRun(rig: Rig, client: Client, label: string): Promise<Mark[]> {
  const { requests } = rig.model;
  const before = requests.length;
  const began = now();
  await rig.spawn({ label, task: HELLO, verify: [VERIFY_HELLO] });
  const announced = await rig.arrivals.of(label);
  const calls = requests.slice(before).filter(({ finishedAt }) => finishedAt !== undefined);
  const session = await eventsOf(client, sessionWorkflowId(rig.session.name));
  const subagent = await eventsOf(client, subagentWorkflowId(rig.session.name, label));
  const started = subagent[0] ? timeOf(subagent[0]) : Number.NaN;
  const ofThis = session.filter((event) => timeOf(event) >= began);
  return [
    { name: 'start', at: began },
    {
      name: 'client: resolve the spec, look for workers, send the Update',
      at: first(ofThis, 'workflowExecutionUpdateAcceptedEventAttributes'),
    },
    { name: 'session: ask the host to admit it', at: first(ofThis, 'activityTaskCompletedEventAttributes') },
    { name: 'session: start its workflow', at: started },
    { name: 'subagent: first workflow task', at: scheduled(subagent, 'holdSlot') },
    {
      name: 'holdSlot: a slot of a worker, and the signal that says which',
      at: first(subagent, 'workflowExecutionSignaledEventAttributes'),
    },
    ...activity(subagent, 'prepareWorkspace', 'worktree and branch'),
    { name: 'workflow task', at: scheduled(subagent, 'runTurn') },
    { name: 'runTurn: dispatch', at: startOf(subagent, 'runTurn') },
    {
      name: 'runTurn: open the Copilot session, send the prompt',
      at: Math.min(...calls.map(({ receivedAt }) => receivedAt)),
    },
    {
      name: 'runTurn: the model, the shell command, Copilot in between',
      at: Math.max(...calls.map(({ finishedAt = 0 }) => finishedAt)),
    },
    { name: 'runTurn: until Copilot is idle', at: endOf(subagent, 'runTurn') },
    ...activity(subagent, 'collectEvidence', 'commit, evidence'),
    ...activity(subagent, 'verifyCommit', 'the command'),
    ...activity(subagent, 'stopSubagent', 'close, sweep'),
    { name: 'subagent: the signal `ended`', at: first(ofThis, 'workflowExecutionSignaledEventAttributes') },
    { name: 'client: the announcement', at: announced },
  ];
}

/** The hops of one activity: the preceding workflow task, its dispatch, its work. */
function activity(events: readonly Event[], type: string, work: string): Mark[] {
  return [
    { name: 'workflow task', at: scheduled(events, type) },
    { name: `${type}: dispatch`, at: startOf(events, type) },
    { name: `${type}: ${work}`, at: endOf(events, type) },
  ];
}

/** Median time between each mark and the next. */
function figures(runs: readonly (readonly Mark[])[]): Figure[] {
  const names = runs[0]?.map(({ name }) => name) ?? [];
  return names.slice(1).map((name, index) => {
    const lengths = runs.map(
      (marks) => (marks[index + 1]?.at ?? Number.NaN) - (marks[index]?.at ?? Number.NaN),
    );
    return { name: `${HOP_PREFIX}${name}`, unit: 'ms', value: rounded(median(lengths)) };
  });
}

async function eventsOf(client: Client, workflowId: string): Promise<Event[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return events ?? [];
}

const first = (events: readonly Event[], attributes: keyof Event): number =>
  timeOf(events.find((event) => event[attributes]));

const scheduledEvent = (events: readonly Event[], type: string): Event | undefined =>
  events.find((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === type);
const scheduled = (events: readonly Event[], type: string): number => timeOf(scheduledEvent(events, type));
const startOf = (events: readonly Event[], type: string): number => {
  const id = String(scheduledEvent(events, type)?.eventId);
  return timeOf(
    events.find((event) => String(event.activityTaskStartedEventAttributes?.scheduledEventId) === id),
  );
};
const endOf = (events: readonly Event[], type: string): number => {
  const id = String(scheduledEvent(events, type)?.eventId);
  return timeOf(
    events.find((event) => String(event.activityTaskCompletedEventAttributes?.scheduledEventId) === id),
  );
};

/** Milliseconds since the epoch, with fractions. */
function timeOf(event: Event | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? Number.NaN) * 1_000 + (nanos ?? 0) / 1e6;
}
