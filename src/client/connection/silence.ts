/** Explains to people why a Query has no answer: no worker is running, or a running one did not answer in time. */
import type { SubagentsError } from '../../contract/index.ts';
import { noAnswerError, noWorkerError } from '../errors.ts';
import { isFailing } from '../subagents/inspect.ts';
import type { Link } from './link.ts';
import { isWorkerless, type QueriedRun } from './query.ts';

/** The error to show for a Query that failed with `error`. Returns any error but a missing answer unchanged. */
export async function explainUnanswered(
  link: Link,
  { label, ...asked }: QueriedRun & { readonly label: string },
  error: SubagentsError,
): Promise<SubagentsError> {
  if (!isWorkerless(error)) return error;
  if (!(await link.hasPollers())) return noWorkerError(link.server);
  return noAnswerError(link.server, label, { failing: await isFailing(link, asked) });
}

/** The note for a report that has only the server's facts, because nobody answered. */
export function silenceNote({ message, remedy }: SubagentsError): string {
  return `${message}: this is the last state that the server has${remedy === undefined ? '' : `. ${remedy}`}`;
}
