/** Classifies errors of a Copilot session by what can be done about them. */
import { head, stripControls, type TurnFailure } from '../contract/index.ts';
import type { SessionError } from './turn/turn-state.ts';

/** Characters of an error message that leaves the worker. */
const MAX_MESSAGE_CHARS = 1_000;
/**
 * The runtime repeats a rate-limited call six times at the pace that the server asks for, and does not report that
 * pace. It gives up at once if the server asks for a long wait (600 s did so, 3 s did not).
 */
const RATE_LIMIT_PAUSE_MS = 60_000;
const LONG_RATE_LIMIT_PAUSE_MS = 10 * 60_000;

/** Messages of the runtime for a missing login, or one that GitHub rejects. */
const NO_LOGIN = /no github oauth token|not authenticated|no authentication information|bad credentials/i;

const LOG_IN =
  'log in with `npx @github/copilot login`, or check the token or key in the worker’s environment; then restart the worker';

/**
 * Classifies the error that ended a turn, by error types and status codes of the 1.0.102 runtime, measured against a
 * provider that failed in each way. The runtime itself first retries 5xx, 429, 401 and broken connections (up to 6
 * times), so errors that arrive here have persisted for seconds to minutes.
 * @param retried whether the runtime retried this call
 */
export function classifySessionError(error: SessionError, retried: boolean): TurnFailure {
  const message = head(stripControls(error.message).trim(), MAX_MESSAGE_CHARS);
  const { errorType: type, statusCode: status } = error;
  if (isContext(error)) {
    return {
      class: 'context',
      message,
      retryable: false,
      remedy: 'split the task into smaller parts, or name a model with a larger context',
    };
  }
  if (type === 'rate_limit' || status === 429) {
    const retryAfterMs = retried ? RATE_LIMIT_PAUSE_MS : LONG_RATE_LIMIT_PAUSE_MS;
    return { class: 'rate-limit', message, retryable: true, retryAfterMs, waitFor: 'limit' };
  }
  if (type === 'quota' || status === 402) {
    return {
      class: 'rate-limit',
      message,
      retryable: false,
      remedy: 'the quota of the Copilot plan is used up',
    };
  }
  // A new key does not help an account that may not use the model; only the account's owner can change that.
  if (status === 403 || type === 'authorization') {
    return { class: 'credentials', message, retryable: false, remedy: LOG_IN };
  }
  if (type === 'authentication' || status === 401 || NO_LOGIN.test(message)) {
    return { class: 'credentials', message, retryable: false, remedy: LOG_IN, waitFor: 'credentials' };
  }
  // An empty answer is the provider's fault, and often temporary.
  if (/no response was returned/i.test(message)) return { class: 'provider', message, retryable: true };
  if (status === undefined) return { class: 'network', message, retryable: true };
  if (status === 408 || status >= 500) return { class: 'provider', message, retryable: true };
  return {
    class: 'request',
    message,
    retryable: false,
    remedy: 'the model provider rejects the request: check the name of the model and its settings',
  };
}

function isContext({ errorType, errorCode, message }: SessionError): boolean {
  return (
    errorType === 'context_limit' ||
    errorCode === 'context_length_exceeded' ||
    /context.length.exceeded|maximum context length|prompt is too long/i.test(message)
  );
}

/** The failure when a model, or a content filter, refuses to answer. `words`: the refusal's text, if any. */
export function classifyRefusal(words: string): TurnFailure {
  return {
    class: 'refusal',
    message: head(
      `the model refused to answer${words === '' ? '' : `: ${stripControls(words).trim()}`}`,
      MAX_MESSAGE_CHARS,
    ),
    retryable: false,
    remedy: 'put the task in other words, or name another model',
  };
}

/** The failure when a call to the runtime itself failed, which is not the model's fault. */
export function classifyRuntimeError(error: unknown): TurnFailure {
  const message = head(
    stripControls(error instanceof Error ? error.message : String(error)),
    MAX_MESSAGE_CHARS,
  );
  if (/authentication failed/i.test(message)) {
    // The runtime uses the same message for a rejected login and for a GitHub that cannot be reached.
    if (/network|fetch failed|error sending request/i.test(message.replace(/failed to fetch/i, '')))
      return { class: 'network', message, retryable: true };
    return { class: 'credentials', message, retryable: false, remedy: LOG_IN, waitFor: 'credentials' };
  }
  return { class: 'copilot', message, retryable: true };
}
