/** Decides how to run a turn, from Copilot's event log, so that the model is asked nothing twice. */
import { opensRun, resumedMarker } from '../../prompts/index.ts';
import type { CopilotEvent } from '../log/events.ts';
import type { EndedCalls } from '../log/unsaved-tool-results.ts';
import { approvalId } from './approvals.ts';
import { TurnState } from './turn-state.ts';

/** Identifies a turn. */
export interface TurnKey {
  /** First line of the prompt that opens the turn. */
  readonly marker: string;
  /** For a turn that continues with answers instead of a prompt: the requests that they answer. */
  readonly answers?: readonly string[];
  /** For a turn that continues with decisions instead of a prompt: the ids of the approvals that they decide. */
  readonly decisions?: readonly string[];
}

/** How to run a turn. */
export type Decision =
  /** The prompt is not in the conversation yet. */
  | { readonly do: 'send' }
  /** The turn was cut short: let the model continue without a new message. */
  | { readonly do: 'continue' }
  /**
   * These questions wait for the answers that are given now, and these permission requests for their decision or for a
   * first judgement.
   */
  | { readonly do: 'answer'; readonly requestIds: readonly string[]; readonly permissions: readonly string[] }
  /**
   * The answers were given but did not reach the conversation, and the runtime accepts no second answer to such a call,
   * nor continues without one. So the call is abandoned, and the answers are sent as a message.
   */
  | { readonly do: 'send-answers' }
  /** The turn waits for answers that nobody has given. */
  | { readonly do: 'ask' }
  /** The turn has ended, but its result was not reported. */
  | { readonly do: 'report'; readonly report: string };

/**
 * Decides from the persisted events of the whole session, and returns the state of the turn that they add up to.
 *
 * A turn that failed or was interrupted by us continues, because its caller wants that. A turn with a final message is
 * over, unless its commands were still running in the background: those are gone, so the model, which expected to be
 * notified of their end, continues with that knowledge.
 */
export function decideTurn(
  events: readonly CopilotEvent[],
  turn: TurnKey,
  ended?: EndedCalls,
): [Decision, TurnState] {
  const start = startOf(events, turn);
  let state = new TurnState(undefined, ended);
  events.forEach((event, index) => {
    if (index === start) state = state.nextTurn();
    if (event.type === 'user.message' && event.data.content.startsWith(resumedMarker(turn.marker))) {
      state.endShells();
      state.markAnswersDelivered();
    }
    state.apply(event);
  });
  if (start === -1)
    return [{ do: 'send' }, opensRun(turn.marker) ? afterAnotherRun(state) : state.nextTurn()];

  // Tool calls that were open at the end of the log are interrupted.
  state.interruptOpenTools();
  if (state.undeliveredAnswers.some((id) => turn.answers?.includes(id)))
    return [{ do: 'send-answers' }, state];
  const pending = state.questions.map(({ requestId }) => requestId);
  const answerable = pending.filter((id) => turn.answers?.includes(id));
  const permissions = state.pendingPermissions;
  if (answerable.length + permissions.length > 0)
    return [{ do: 'answer', requestIds: answerable, permissions }, state];
  if (pending.length > 0) return [{ do: 'ask' }, state];
  if (state.report !== undefined && state.shells.size === 0) {
    return [{ do: 'report', report: state.report }, state];
  }
  return [{ do: 'continue' }, state];
}

/** State at the start of a run: nothing is open, except for the earlier run's background commands, which are lost. */
function afterAnotherRun({ shells, model }: TurnState): TurnState {
  const state = new TurnState();
  for (const [id, what] of shells) state.shells.set(id, what);
  state.model = model;
  return state;
}

/** Index of the event that began the turn; -1 if the turn has not begun. */
function startOf(events: readonly CopilotEvent[], { marker, answers, decisions = [] }: TurnKey): number {
  if (answers !== undefined) {
    return events.findIndex(
      (event) =>
        (event.type === 'external_tool.requested' && answers.includes(event.data.requestId)) ||
        (event.type === 'permission.requested' && decisions.includes(approvalId(event.data.requestId))),
    );
  }
  return events.findLastIndex(
    (event) => event.type === 'user.message' && event.data.content.split('\n', 1)[0] === marker,
  );
}
