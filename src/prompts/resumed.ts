/** What a subagent is told whose turn was cut short and goes on. */
import { resultMarker } from './markers.ts';

/** Sent to a model whose answer was lost; the runtime drops notifications of commands that ended meanwhile. */
export const GO_ON =
  'Your last answer did not arrive. Commands that you started in the background were not stopped, but may have ended by themselves: check before you wait for them. Continue.';

const UNKNOWN_RESULT = '(the result was lost: check the effect of the call before you repeat it)';

/** A call that has ended, and its result, which the model has not seen. */
interface EndedCall {
  readonly toolCallId: string;
  /** The call on one line. */
  readonly what: string;
  /** null: not known any more. */
  readonly result: string | null;
}

/**
 * Results that the model had, or was about to get, when it was stopped. Indented, so that tool output cannot look like
 * a marker line. Empty without a call.
 */
export function endedResultsText(calls: readonly EndedCall[]): string {
  if (calls.length === 0) return '';
  const results = calls.map(({ toolCallId, what, result }) =>
    [resultMarker(toolCallId), `\`${what}\``, (result ?? UNKNOWN_RESULT).replace(/^/gm, '    ')].join('\n'),
  );
  const intro =
    'You were stopped and resumed. These calls are reported as interrupted, but they had finished; these are their results. Do not repeat them only because of that report.';
  return [intro, ...results].join('\n\n');
}

/** Names background commands that ended, for which the model would wait in vain. Empty without a command. */
export function lostCommandsText(gone: readonly string[]): string {
  if (gone.length === 0) return '';
  const commands = [...new Set(gone)].map((what) => `* ${what}`);
  return [
    'You were stopped and resumed. These commands ran in the background and were killed; you will get no notification about them. Restart those that you still need, then continue:',
    ...commands,
  ].join('\n');
}

/** A text that follows another in brackets; empty without a text. */
export const inBrackets = (text: string): string => (text === '' ? '' : `\n\n(${text})`);

/** The texts that are not empty, as paragraphs. */
export const paragraphs = (...texts: readonly string[]): string =>
  texts.filter((text) => text !== '').join('\n\n');
