/** Why a Query has no answer, for people: no worker is there, or one is and did not answer in time. */
import type { SubagentsError } from '../../contract/index.ts';
import { noAnswer, noWorker } from '../errors.ts';
import { isFailing } from '../subagents/inspect.ts';
import type { Link } from './link.ts';
import { isWorkerless, type Asked } from './query.ts';

/** The error to show for `error`, in which a Query to a workflow ended. Any but a missing answer stays as it is. */
export async function whyUnanswered(
  link: Link,
  { label, ...asked }: Asked & { readonly label: string },
  error: SubagentsError,
): Promise<SubagentsError> {
  if (!isWorkerless(error)) return error;
  if (!(await link.hasPollers())) return noWorker(link.server);
  return noAnswer(link.server, label, { failing: await isFailing(link, asked) });
}

/** What a reader is told of facts that are the server's alone, since nobody answered. */
export function silenceNote({ message, remedy }: SubagentsError): string {
  return `${message}: this is what the server last knew${remedy === undefined ? '' : `. ${remedy}`}`;
}
