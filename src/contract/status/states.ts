/** The states of a subagent and their transitions. docs/states.md has the diagram. */
import { finalStatus, liveStatus, type FinalStatus, type LiveStatus, type Status } from './status.ts';

/** A description of what a subagent does in each state, for when nothing more is known. */
export const DOING: Readonly<Record<LiveStatus, string>> = {
  queued: 'waits for a slot on a worker',
  preparing: 'its workspace is being made',
  working: 'works',
  asking: 'waits for an answer or an approval',
  waiting: 'waits for its model or for disk space',
  verifying: 'its commit is being verified',
  stopping: 'its processes are being ended',
};

/** A transition from one state to another. */
export interface Transition {
  readonly from: LiveStatus;
  readonly to: Status;
  readonly when: string;
}

const to = (target: Status, when: string) => ({ to: target, when });
const KILLED = to('stopping', 'killed');
const NEXT: Readonly<Record<LiveStatus, readonly { readonly to: Status; readonly when: string }[]>> = {
  queued: [
    to('preparing', 'a slot is granted'),
    to('working', 'a slot is granted again'),
    to('verifying', 'a slot is granted again'),
    KILLED,
    to('killed', 'killed before it had a worker'),
  ],
  preparing: [
    to('queued', 'its worker is lost'),
    to('working', 'the workspace is ready'),
    to('stopping', 'no workspace, or killed'),
  ],
  working: [
    to('queued', 'its worker is lost or shut down'),
    to('asking', 'it asks a question, or for an approval'),
    to('waiting', 'credentials, a limit, or no space'),
    to('verifying', 'it has finished'),
    to('stopping', 'nothing to verify, out of time or budget, failed, or killed'),
  ],
  asking: [to('queued', 'that is answered'), to('stopping', 'killed, or out of budget')],
  waiting: [to('queued', 'it tries again'), to('stopping', 'killed')],
  verifying: [
    to('queued', 'its worker is lost'),
    to('working', 'a repair, or a late steer'),
    to('stopping', 'verified, failed, or killed'),
  ],
  stopping: [
    to('done', 'finished and verified'),
    to('failed', 'it failed'),
    to('killed', 'it was killed'),
    to('timed-out', 'its working time is used up'),
    to('over-budget', 'its budget is used up'),
  ],
};

/**
 * All transitions but those to `lost`: any live state becomes `lost` when it is ended from outside or its worker is
 * given up.
 */
export const TRANSITIONS: readonly Transition[] = liveStatus.options.flatMap((from) =>
  NEXT[from].map((next) => ({ from, ...next })),
);

/** Whether the transition between the two states is legal. */
export function isTransition(from: Status, next: Status): boolean {
  if (finalStatus.safeParse(from).success) return false;
  return next === 'lost' || TRANSITIONS.some((each) => each.from === from && each.to === next);
}

/** The states as a Mermaid diagram. */
export function stateDiagram(): string {
  const id = (status: Status): string => status.replace('-', '_');
  const composite: FinalStatus[] = [...finalStatus.options];
  return [
    'stateDiagram-v2',
    ...composite
      .filter((status) => status.includes('-'))
      .map((status) => `  state "${status}" as ${id(status)}`),
    '  [*] --> queued',
    ...TRANSITIONS.map(({ from, to: next, when }) => `  ${id(from)} --> ${id(next)}: ${when}`),
    ...composite.map((status) => `  ${id(status)} --> [*]`),
  ].join('\n');
}
