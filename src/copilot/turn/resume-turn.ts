/** Resumes a turn from any point: not begun, running, cut short by a crash, waiting for answers, or over. */
import { dirname } from 'node:path';
import type { PermissionHandler } from '@github/copilot-sdk';
import { decideTurn, type Decision } from './decide.ts';
import { AskedCalls, approvalId } from './approvals.ts';
import { readEventLog, readPermissionRequests } from '../log/event-log.ts';
import type { TurnInput } from '../../contract/index.ts';
import {
  answersText,
  decisionsText,
  endedResultsText,
  inBrackets,
  lostCommandsText,
  opensRun,
  paragraphs,
  resumedMarker,
  turnMarker,
} from '../../prompts/index.ts';
import { closeTurn } from '../session/close.ts';
import {
  hasConversationStarted,
  recordConversationStarted,
  archiveLostSession,
  CopilotSessionLost,
} from '../session/session-files.ts';
import { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import { LiveTurn, turnNumber, TurnClosed } from './live-turn.ts';
import type { CopilotPool } from '../runtime/pool.ts';
import { gateOf, openSession } from '../session/session.ts';
import { WALLS_CHECK } from '../../sandbox/launcher.ts';
import { refusalsOf } from '../../sandbox/refusals.ts';
import { wallsOf } from '../../home/sandboxes.ts';
import { instructionsAt } from '../../git/contents/instructions.ts';
import { Git } from '../../git/git.ts';
import { shellScript } from '../runtime/shell-script.ts';
import type { TurnState } from './turn-state.ts';

/**
 * The running turn, or the result that the event log already has, or the reason why the conversation cannot be resumed.
 */
export type ResumedTurn =
  | { readonly live: LiveTurn }
  | {
      /** Why the conversation cannot be resumed; a new one can begin. */
      readonly sessionLost: string;
      /** The readable end of the lost conversation. */
      readonly shown: string;
    }
  | { readonly decision: Extract<Decision, { do: 'ask' | 'report' }>; readonly state: TurnState };

/** Options for resuming a turn. */
export interface ResumeTurnOptions {
  /** Commands of the turn that a worker restart killed, and of which Copilot may not know. */
  readonly killedCommands: readonly string[];
  /** Called before the Copilot session is opened, when no process of it is alive in Copilot. */
  readonly beforeOpening: () => Promise<void>;
}

/** Resumes a turn. Throws RuntimeDied, TurnClosed, and any other error of opening the Copilot session. */
export async function resumeTurn(
  pool: CopilotPool,
  input: TurnInput,
  { killedCommands, beforeOpening }: ResumeTurnOptions,
): Promise<ResumedTurn> {
  const { copilotSessionId } = input.subagent;
  const number = turnNumber(input.subagent, input.turn);
  const running = pool.turns.get(copilotSessionId);
  if (running !== undefined) {
    if (running.number === number && running.runtime.death === undefined) return { live: running };
    await closeTurn(pool, running, { abort: true, final: running.number !== number });
  }
  await pool.turns.closed(copilotSessionId);

  const marker = turnMarker(input.subagent, input.turn);
  const answers = input.answers?.map(({ requestId }) => requestId);
  const decisions = input.decisions?.map(({ id }) => id);
  const unsaved = new UnsavedToolResults(pool.copilotHome, copilotSessionId, pool.redactor);
  const readLog = async () => {
    const events = await readEventLog(pool.copilotHome, copilotSessionId, pool.redactor);
    return decideTurn(
      events,
      { marker, ...(answers && { answers }), ...(decisions && { decisions }) },
      unsaved.read(),
    );
  };
  const before = pool.alive;
  let [decision, state] = await readLog();
  if (decision.do === 'ask' || decision.do === 'report') return { decision, state };

  const runtime = await pool.runtime();
  if (runtime !== before) {
    // The previous runtime may have written to the log until it ended, so the log is read again.
    [decision, state] = await readLog();
    if (decision.do === 'ask' || decision.do === 'report') return { decision, state };
  }
  const asked = new AskedCalls(pool.redactor);
  const live = new LiveTurn({
    asked,
    copilotSessionId,
    number,
    runtime,
    state,
    redactor: pool.redactor,
    unsavedResults: unsaved,
    trustRepo: input.trustRepo ?? false,
    permissions: input.permissions ?? 'all',
    ...(input.silentSince !== undefined && { silentSince: Date.parse(input.silentSince) }),
  });
  // From here on, whoever ends the run finds the turn in the pool.
  if (pool.ended.has(input.subagent)) throw new TurnClosed();
  pool.turns.add(live);
  try {
    await beforeOpening();
    const sandbox = wallsOf(input.cwd, input.sandbox === true);
    if (sandbox) live.countRefusals(refusalsOf(sandbox));
    const may = {
      permissions: live.permissions,
      policies: [
        ...(pool.policy ? [{ layer: 'worker' as const, policy: pool.policy }] : []),
        ...(input.policies ?? []),
      ],
      cwd: input.cwd,
      env: pool.env,
      sandbox,
      approvals: { asked, approvedKinds: input.approvedKinds ?? [] },
    };
    await live.attach(
      openSession(runtime, {
        ...may,
        copilotSessionId,
        model: input.model,
        thinking: input.thinking,
        trustRepo: input.trustRepo ?? false,
        copilotHome: pool.copilotHome,
        // Questions of an earlier run are no longer answered.
        keepQuestions: decision.do !== 'send-answers' && !(decision.do === 'send' && opensRun(marker)),
        mustExist:
          input.newConversation !== true &&
          (input.turn > 1 ||
            answers !== undefined ||
            hasConversationStarted(pool.copilotHome, copilotSessionId)),
        initScript:
          (sandbox ? WALLS_CHECK : '') +
          shellScript(copilotSessionId, input, { root: dirname(pool.copilotHome) }),
        ...(sandbox && {
          repositoryInstructions: await instructionsAt(Git.at(input.cwd), input.base),
        }),
        onEvent: (event) => live.handleEvent(event),
        hooks: live.hooks,
      }),
    );
    const known = [...state.endedCalls.keys()];
    await startTurn(live, decision, input, killedCommands, (ids) =>
      answerPermissions(live, ids, input, { handler: gateOf(may).handler, copilotHome: pool.copilotHome }),
    );
    // The results are now in the log, or in the message that told them. An answer may still lack them.
    if (decision.do !== 'answer') unsaved.remove(known);
    if (decision.do === 'send') recordConversationStarted(pool.copilotHome, copilotSessionId);
    live.markStarted();
    return { live };
  } catch (error) {
    const closed = closeTurn(pool, live, { abort: true, final: false });
    if (!(error instanceof CopilotSessionLost)) throw error;
    await closed;
    const shown = await archiveLostSession(pool.copilotHome, copilotSessionId, pool.redactor);
    return { sessionLost: error.message, shown };
  }
}

async function startTurn(
  live: LiveTurn,
  decision: Decision,
  input: TurnInput,
  killedCommands: readonly string[],
  permit: (requestIds: readonly string[]) => Promise<void>,
): Promise<void> {
  const marker = turnMarker(input.subagent, input.turn);
  const { state } = live;
  switch (decision.do) {
    case 'send': {
      // For a new run, background commands of the earlier run are known to the log only, and are lost too.
      const gone = opensRun(marker) ? [...state.shells.values(), ...killedCommands] : killedCommands;
      // Answers whose questions are no longer in the log are sent as a prompt.
      const prompt = (input.prompt || givenText(input)) + inBrackets(lostCommandsText(gone));
      return live.send(marker, paragraphs(prompt, opensRun(marker) ? '' : resultsOf(state)));
    }
    case 'continue': {
      const news = paragraphs(lostCommandsText(takeLostCommands(state, killedCommands)), resultsOf(state));
      return news === '' ? live.continueModel() : live.send(resumedMarker(marker), news);
    }
    case 'answer': {
      const lost = lostCommandsText(takeLostCommands(state, killedCommands));
      const gone = inBrackets(lost);
      const last = decision.requestIds.at(-1);
      if (last === undefined) {
        // No answer can tell it.
        const news = paragraphs(lost, resultsOf(state));
        if (news !== '') await live.sendBehindOpenCalls(resumedMarker(marker), news);
      }
      for (const requestId of decision.requestIds) {
        const given = input.answers?.find((each) => each.requestId === requestId);
        const results = requestId === last ? resultsOf(state) : '';
        if (given !== undefined) await live.answer(requestId, paragraphs(given.answer + gone, results));
      }
      return permit(decision.permissions);
    }
    case 'send-answers': {
      const text = givenText(input) + inBrackets(lostCommandsText(takeLostCommands(state, killedCommands)));
      return live.send(resumedMarker(marker), paragraphs(text, resultsOf(state)));
    }
  }
}

/** Results that the model had, or was about to get, when it was stopped. */
const resultsOf = ({ unshown }: TurnState): string => endedResultsText([...unshown.values()]);

/** Answers and decisions as a message, for calls that were closed meanwhile. */
const givenText = ({ answers = [], decisions = [] }: TurnInput): string =>
  paragraphs(answers.length === 0 ? '' : answersText(answers), decisionsText(decisions));

/**
 * Answers permission requests that an earlier turn or attempt left open: by their decision, or else as at first. Those
 * that still need an approval stay open.
 */
async function answerPermissions(
  live: LiveTurn,
  requestIds: readonly string[],
  { decisions = [] }: TurnInput,
  { handler, copilotHome }: { readonly handler: PermissionHandler; readonly copilotHome: string },
): Promise<void> {
  if (requestIds.length === 0) return;
  const requests = await readPermissionRequests(copilotHome, live.copilotSessionId);
  for (const requestId of requestIds) {
    const request = requests.get(requestId);
    const decision = decisions.find(({ id }) => id === approvalId(requestId));
    if (decision !== undefined) {
      const { approved, text } = decision;
      await live.permit(
        requestId,
        approved
          ? { kind: 'approve-once' }
          : { kind: 'reject', ...(text !== undefined && { feedback: text }) },
      );
    } else if (request !== undefined) {
      const result = await handler(request, { sessionId: live.copilotSessionId });
      if (result.kind === 'attributed') throw new Error('our permission handler attributes no results');
      await live.permit(requestId, result);
    }
  }
}

/** Background commands that ended with the turn, of whose end the model gets no notification. */
function takeLostCommands(state: TurnState, killedCommands: readonly string[]): string[] {
  const gone = [...state.shells.values(), ...killedCommands];
  state.endShells();
  return gone;
}
