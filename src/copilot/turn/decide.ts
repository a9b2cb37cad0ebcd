/** What to do with a turn, from what Copilot's event log has of it: nothing is asked of the model twice. */
import { opensRun } from '../../contract/index.ts';
import type { CopilotEvent } from '../log/events.ts';
import type { EndedCalls } from '../log/unsaved-tool-results.ts';
import { TurnState } from './turn-state.ts';

/** Which turn it is. */
export interface TurnId {
  /** First line of the prompt that opens it. */
  readonly marker: string;
  /** Set for a turn that goes on with answers instead of a prompt: the requests that they answer. */
  readonly answers?: readonly string[];
}

export type Decision =
  /** Its prompt is not in the conversation yet. */
  | { readonly do: 'send' }
  /** It was cut short: let the model go on, without a new message. */
  | { readonly do: 'continue' }
  /** These requests wait for the answers that are given now. */
  | { readonly do: 'answer'; readonly requestIds: readonly string[] }
  /**
   * Its answers were given, but did not get into the conversation, and no way is left for them there: to such a call
   * the runtime neither takes another answer nor goes on without one. The call is given up, the answers told.
   */
  | { readonly do: 'tell-answers' }
  /** It waits for answers that nobody gave. */
  | { readonly do: 'ask' }
  /** It ended; nobody heard of it. */
  | { readonly do: 'report'; readonly report: string };

/** First line of the message that tells a resumed turn what it cannot know: what is gone, what had ended, what was answered. */
export function resumedMarker(turnMarker: string): string {
  return turnMarker.replace(/\]$/, ', resumed]');
}

/**
 * Decides over the persisted events of the whole session, and gives the state of the turn that they add up to.
 *
 * A turn that failed, or that we interrupted, goes on: whoever runs it again wants that. A turn with a final message
 * is over, unless commands of its were still running in the background: those are gone, and the model, which meant to
 * hear of their end, goes on knowing that.
 */
export function decide(
  events: readonly CopilotEvent[],
  turn: TurnId,
  ended?: EndedCalls,
): [Decision, TurnState] {
  const start = startOf(events, turn);
  let state = new TurnState(undefined, ended);
  events.forEach((event, index) => {
    if (index === start) state = state.nextTurn();
    if (event.type === 'user.message' && event.data.content.startsWith(resumedMarker(turn.marker))) {
      state.endShells();
      state.answersTold();
    }
    state.apply(event);
  });
  if (start === -1)
    return [{ do: 'send' }, opensRun(turn.marker) ? afterAnotherRun(state) : state.nextTurn()];

  // What was under way when the log ends is not under way any more.
  state.interruptOpenTools();
  if (state.untold.some((id) => turn.answers?.includes(id))) return [{ do: 'tell-answers' }, state];
  const pending = state.questions.map(({ requestId }) => requestId);
  const answerable = pending.filter((id) => turn.answers?.includes(id));
  if (answerable.length > 0) return [{ do: 'answer', requestIds: answerable }, state];
  if (pending.length > 0) return [{ do: 'ask' }, state];
  if (state.report !== undefined && state.shells.size === 0) {
    return [{ do: 'report', report: state.report }, state];
  }
  return [{ do: 'continue' }, state];
}

/** Nothing is under way when a run begins; commands that the run before had in the background are known to be gone. */
function afterAnotherRun({ shells, model }: TurnState): TurnState {
  const state = new TurnState();
  for (const [id, what] of shells) state.shells.set(id, what);
  state.model = model;
  return state;
}

/** Index of the event that began the turn; -1 when it has not begun. */
function startOf(events: readonly CopilotEvent[], { marker, answers }: TurnId): number {
  if (answers !== undefined) {
    return events.findIndex(
      (event) => event.type === 'external_tool.requested' && answers.includes(event.data.requestId),
    );
  }
  return events.findLastIndex(
    (event) => event.type === 'user.message' && event.data.content.split('\n', 1)[0] === marker,
  );
}
