/** Identifies requests that are repeated. */
import { createHash } from 'node:crypto';

/** Digest of a request's labels and tasks. A retry has the same digest, even if its base has moved. */
export const digestOf = (tasks: readonly { readonly label: string; readonly task: string }[]): string =>
  fingerprintOf({ tasks: tasks.map(({ label, task }) => [label, task]) });

/** Fingerprint of all fields of a request, whatever the order of its top-level fields. */
export function fingerprintOf(request: object): string {
  const fields = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
