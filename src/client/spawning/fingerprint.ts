/** By what a request that is made again is known as the same one. */
import { createHash } from 'node:crypto';

/** Of all that is asked for: equal for equal requests alone. */
export function fingerprintOf(request: object): string {
  const fields = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
