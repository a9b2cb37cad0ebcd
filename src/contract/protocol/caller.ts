/** Who calls the server: the identity of a client, which the server keeps with each call that changes something. */
import { sanitizedLine } from '../text/sanitize.ts';

/** The interfaces through which a caller acts. */
export type Face = 'terminal' | 'library' | 'mcp' | 'extension';

/** Characters of an identity. */
const MAX_IDENTITY_CHARS = 200;
const UNKNOWN = 'unknown';

/** The identity of a client: `alice@devbox (terminal)`. */
export const callerIdentity = (user: string, host: string, face: Face): string => `${user}@${host} (${face})`;

/** An identity as a client sent it, for people: one line of at most 200 characters, `unknown` where there is none. */
export const shownIdentity = (identity: string | null | undefined): string =>
  sanitizedLine(identity ?? '', MAX_IDENTITY_CHARS) || UNKNOWN;
