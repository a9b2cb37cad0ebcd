/** The answer to the query `describe`. */
import type { SubagentView } from '../../src/contract/index.ts';
import type { SteerInbox } from './inbox.ts';
import { ignoredSignalNotes } from '../shared/ignored-signals.ts';
import { fittedNotes } from './outcome.ts';
import type { Questions } from './questions.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';

/** The current state of the subagent. */
export function viewOf({
  copilotSessionId,
  machine,
  slot,
  status,
  inbox,
  questions,
}: {
  readonly copilotSessionId: string;
  readonly machine: SubagentMachine;
  readonly slot: WorkerSlot;
  readonly status: StatusPublisher;
  readonly inbox: SteerInbox;
  readonly questions: Questions;
}): SubagentView {
  const { spec, workspace, turn, notes, audit, approvals, ignoredSignals } = machine.state;
  const { continues, permissions } = spec;
  const { stalled } = status;
  // A continued subagent will run on the worker of the earlier run.
  const workerId = slot.workerId ?? continues?.workerId;
  return {
    status: status.status,
    since: status.since,
    turns: turn,
    copilotSessionId,
    permissions,
    ...(workerId !== undefined && { workerId }),
    ...(continues && { branch: continues.branch }),
    ...(workspace && {
      branch: workspace.branch,
      cwd: workspace.cwd,
      base: workspace.base,
      ...(workspace.repository !== undefined && { repository: workspace.repository }),
    }),
    ...(status.waitingFor !== undefined && { waitingFor: status.waitingFor }),
    ...(stalled && { stalled }),
    steers: inbox.shown,
    questions: questions.open,
    audit: [...audit],
    approvals: approvals.open,
    notes: fittedNotes([...notes, ...ignoredSignalNotes(ignoredSignals)]),
  };
}
