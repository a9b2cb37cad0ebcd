/** Takes a turn up wherever it is: not begun, running, cut short by a crash, waiting for answers, or over. */
import { dirname } from 'node:path';
import { resumedMarker, decide, type Decision } from './decide.ts';
import { readEventLog } from '../log/event-log.ts';
import { opensRun, turnMarker, type TurnInput } from '../../contract/index.ts';
import { closeTurn } from '../session/close.ts';
import { hasBegun, noteBegun, setAside, SessionLost } from '../session/session-files.ts';
import { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import { LiveTurn, turnNumber, TurnOver } from './live-turn.ts';
import type { CopilotPool } from '../runtime/pool.ts';
import { openSession } from '../session/session.ts';
import { shellScript } from '../runtime/shell-script.ts';
import { resultMarker, type TurnState } from './turn-state.ts';

const UNKNOWN_RESULT = '(not known any more: look at its effect before you make it again)';

/** The turn runs, or its end is in the event log already, or there is no conversation to resume. */
export type ResumedTurn =
  | { readonly live: LiveTurn }
  | {
      /** Why. A new conversation can begin. */
      readonly unresumable: string;
      /** What can be read of the end of the one that is gone. */
      readonly shown: string;
    }
  | { readonly decision: Extract<Decision, { do: 'ask' | 'report' }>; readonly state: TurnState };

/** What goes with a turn that is taken up. */
export interface ResumeTurnOptions {
  /** Commands of it that were ended with a worker, and that Copilot may know nothing of. */
  readonly killedCommands: readonly string[];
  /** Called where its Copilot session is to be opened: nothing that Copilot runs for it is alive then. */
  readonly beforeOpening: () => Promise<void>;
}

/** Throws RuntimeDied, TurnOver, and whatever keeps the Copilot session from being opened. */
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
  const kept = new UnsavedToolResults(pool.copilotHome, copilotSessionId, pool.redactor);
  const look = async () => {
    const events = await readEventLog(pool.copilotHome, copilotSessionId, pool.redactor);
    return decide(events, { marker, ...(answers && { answers }) }, kept.read());
  };
  const before = pool.alive;
  let [decision, state] = await look();
  if (decision.do === 'ask' || decision.do === 'report') return { decision, state };

  const runtime = await pool.runtime();
  if (runtime !== before) {
    // The one before it may have written until it was gone.
    [decision, state] = await look();
    if (decision.do === 'ask' || decision.do === 'report') return { decision, state };
  }
  const live = new LiveTurn({
    copilotSessionId,
    number,
    runtime,
    state,
    redactor: pool.redactor,
    kept,
    trustRepo: input.trustRepo ?? false,
    permissions: input.permissions ?? 'all',
    ...(input.silentSince !== undefined && { silentSince: Date.parse(input.silentSince) }),
  });
  // Whoever ends the run from here on finds the turn.
  if (pool.ended.has(input.subagent)) throw new TurnOver();
  pool.turns.add(live);
  try {
    await beforeOpening();
    await live.hold(
      openSession(runtime, {
        copilotSessionId,
        cwd: input.cwd,
        model: input.model,
        thinking: input.thinking,
        permissions: live.permissions,
        trustRepo: input.trustRepo ?? false,
        env: pool.env,
        copilotHome: pool.copilotHome,
        // What a run before asked is not answered any more.
        keepQuestions: decision.do !== 'tell-answers' && !(decision.do === 'send' && opensRun(marker)),
        begun:
          input.newConversation !== true &&
          (input.turn > 1 || answers !== undefined || hasBegun(pool.copilotHome, copilotSessionId)),
        initScript: shellScript(copilotSessionId, input, { root: dirname(pool.copilotHome) }),
        onEvent: (event) => live.take(event),
        hooks: live.hooks,
      }),
    );
    const known = [...state.endedCalls.keys()];
    await begin(live, decision, input, killedCommands);
    // The log has them by now, or the message that told them; an answer that did so is not looked through.
    if (decision.do !== 'answer') kept.drop(known);
    if (decision.do === 'send') noteBegun(pool.copilotHome, copilotSessionId);
    live.open();
    return { live };
  } catch (error) {
    const closed = closeTurn(pool, live, { abort: true, final: false });
    if (!(error instanceof SessionLost)) throw error;
    await closed;
    const shown = await setAside(pool.copilotHome, copilotSessionId, pool.redactor);
    return { unresumable: error.message, shown };
  }
}

async function begin(
  live: LiveTurn,
  decision: Decision,
  input: TurnInput,
  killedCommands: readonly string[],
): Promise<void> {
  const marker = turnMarker(input.subagent, input.turn);
  const { state } = live;
  switch (decision.do) {
    case 'send': {
      // What is gone of the run before it knows from there.
      const gone = opensRun(marker) ? [...state.shells.values(), ...killedCommands] : killedCommands;
      // Answers whose questions are not in the log any more are told like a prompt.
      const prompt = (input.prompt || toldAnswers(input)) + inBrackets(gone);
      return live.say(marker, paragraphs(prompt, opensRun(marker) ? '' : tellResults(state)));
    }
    case 'continue': {
      const news = paragraphs(tellLost(lost(state, killedCommands)), tellResults(state));
      return news === '' ? live.goOn() : live.say(resumedMarker(marker), news);
    }
    case 'answer': {
      const gone = inBrackets(lost(state, killedCommands));
      const last = decision.requestIds.at(-1);
      for (const requestId of decision.requestIds) {
        const given = input.answers?.find((each) => each.requestId === requestId);
        const results = requestId === last ? tellResults(state) : '';
        if (given !== undefined) await live.answer(requestId, paragraphs(given.answer + gone, results));
      }
      return;
    }
    case 'tell-answers': {
      const told = toldAnswers(input) + inBrackets(lost(state, killedCommands));
      return live.say(resumedMarker(marker), paragraphs(told, tellResults(state)));
    }
  }
}

const paragraphs = (...texts: readonly string[]): string => texts.filter((text) => text !== '').join('\n\n');

/** Results that the model had, or was about to have, when it was stopped. Indented: what a tool printed is no marker of ours. */
function tellResults({ unshown }: TurnState): string {
  if (unshown.size === 0) return '';
  const results = [...unshown.values()].map(({ toolCallId, what, result }) =>
    [resultMarker(toolCallId), `\`${what}\``, (result ?? UNKNOWN_RESULT).replace(/^/gm, '    ')].join('\n'),
  );
  const intro =
    'You were stopped and taken up again. These calls are said to be interrupted, but they had ended; this is their result. Do not make them again only because of that.';
  return [intro, ...results].join('\n\n');
}

/** What ran in the background until the turn was stopped, which nobody will notify the model of. */
function lost(state: TurnState, killedCommands: readonly string[]): string[] {
  const gone = [...state.shells.values(), ...killedCommands];
  state.endShells();
  return gone;
}

function toldAnswers({ answers = [] }: TurnInput): string {
  return ['The main agent answers:', ...answers.map(({ answer }) => answer)].join('\n\n');
}

const inBrackets = (gone: readonly string[]): string => (gone.length > 0 ? `\n\n(${tellLost(gone)})` : '');

/** Told to the model, which would wait for the end of these in vain. */
function tellLost(gone: readonly string[]): string {
  if (gone.length === 0) return '';
  const commands = [...new Set(gone)].map((what) => `* ${what}`);
  return [
    'You were stopped and taken up again. These commands ran in the background and were ended; you will not be notified of them. Start again what you still need, then go on:',
    ...commands,
  ].join('\n');
}
