/** Which keys a client or a worker of a server uses, and whether they are those of the server's messages. */
import { SubagentsError } from '../contract/errors.ts';
import { keySourceOf, KEYS_VARIABLE } from '../keys/key-source.ts';
import { Keys } from '../keys/keys.ts';
import type { Env } from '../system/home-root.ts';
import type { ServerIdentity } from './server-identity.ts';
import type { TemporalTarget } from './target.ts';

/** What is lost without the right keys, and what is not. */
const LOST =
  'Tasks, messages, reports and outcomes of its subagents cannot be read without them. Labels and states (`temporal workflow list`), branches, worktrees and transcripts in the home are not encrypted and stay';

/**
 * The keys for the messages of `target`; undefined where nothing is encrypted.
 * @param root the home folder
 * @throws SubagentsError BAD_INPUT, KEYS_UNREADABLE; KEY_MISSING where the server's messages have another key ring
 */
export async function keysForServer(
  root: string,
  env: Env,
  { embedded }: Pick<TemporalTarget, 'embedded'>,
  identity: ServerIdentity,
): Promise<Keys | undefined> {
  const source = keySourceOf(root, env, embedded === true ? 'own' : 'other');
  const keys = source && (await Keys.read(source));
  requireRing(identity, keys);
  return keys;
}

/**
 * The keys for the messages of the server that runs in the home `root`; undefined where nothing is encrypted.
 * @throws SubagentsError BAD_INPUT, KEYS_UNREADABLE
 */
export async function keysOfOwnServer(root: string, env: Env): Promise<Keys | undefined> {
  const source = keySourceOf(root, env, 'own');
  return source && (await Keys.read(source));
}

/** @throws SubagentsError KEY_MISSING where the server's messages have another key ring than that of `keys` */
export function requireRing({ ring }: ServerIdentity, keys: Keys | undefined): void {
  if (ring === undefined || ring === keys?.name || keys?.ring.anew) return;
  const found = keys === undefined ? 'none was found' : `${keys.origin} has the ring ${keys.name}`;
  throw new SubagentsError(
    'KEY_MISSING',
    `messages on this server are encrypted with the key ring ${ring}, and ${found}. ${LOST}`,
    {
      remedy: `put keys.json back from its backup, or name the ring with ${KEYS_VARIABLE}; if it is lost for good, begin anew with \`subagents keys init --anew\``,
    },
  );
}
