/** By what a request that is made again is known as the same one. */
import { createHash } from 'node:crypto';

/** What a request asks for, as its id stands for it: tasks by label. It stays the same where the base of a retry has moved. */
export const digestOf = (tasks: readonly { readonly label: string; readonly task: string }[]): string =>
  fingerprintOf({ tasks: tasks.map(({ label, task }) => [label, task]) });

/** Of all that is asked for: equal for equal requests alone. */
export function fingerprintOf(request: object): string {
  const fields = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
