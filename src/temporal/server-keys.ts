/** Which keys a client or a worker of a server uses, and whether they are those of the server's messages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { homeRingPath, isSourceNamed, keySourceOf, KEYS_VARIABLE } from '../keys/key-source.ts';
import { Keys } from '../keys/keys.ts';
import { makeHomeRing } from '../keys/ring-file.ts';
import { statIfThere } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';
import { DATABASE } from './embedded/arguments.ts';
import type { ServerIdentity } from './server-identity.ts';
import type { TemporalTarget } from './target.ts';

/** What is lost without the right keys, and what is not. */
const LOST =
  'Tasks, messages, reports and outcomes of its subagents cannot be read without them. Labels and states (`temporal workflow list`), branches, worktrees and transcripts in the home are not encrypted and stay';

/**
 * The keys for the messages of `target`; undefined where nothing is encrypted. Unless `SUBAGENTS_KEYS` names others, those of the home
 * `root` are for its own server, whatever way it was named, and for a server that says that it has them.
 * @throws SubagentsError BAD_INPUT, KEYS_UNREADABLE; KEY_MISSING where the server's messages have another key ring
 */
export async function keysForServer(
  root: string,
  env: Env,
  { embedded }: Pick<TemporalTarget, 'embedded'>,
  identity: ServerIdentity,
): Promise<Keys | undefined> {
  const source = keySourceOf(root, env, embedded === true ? 'own' : 'other');
  const keys = source === undefined ? await namedBy(identity, root, env) : await Keys.read(source);
  requireRing(identity, keys);
  return keys;
}

/** The keys of the home where the server says that its messages have them. */
async function namedBy({ ring }: ServerIdentity, root: string, env: Env): Promise<Keys | undefined> {
  if (ring === undefined || isSourceNamed(env)) return undefined;
  const keys = await keysOfOwnServer(root, env);
  return keys?.name === ring ? keys : undefined;
}

/**
 * Makes a key ring for the server of a fresh home: one that has neither a ring nor a database. A server with a database stays as it is:
 * `subagents keys init` decides how its earlier messages are read. A source that `SUBAGENTS_KEYS` names, or `off`, takes precedence.
 * @param dataDir the folder of the server's database
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function makeKeysOfFreshHome(root: string, env: Env, dataDir: string): void {
  if (isSourceNamed(env) || existsSync(join(dataDir, DATABASE))) return;
  if (statIfThere(homeRingPath(root)) === undefined) makeHomeRing(root, 'refused');
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
      remedy: `for a server that another home runs: ${KEYS_VARIABLE}=file:<that home>/keys.json. Otherwise put keys.json back from its backup, or name the ring with ${KEYS_VARIABLE}; if it is lost for good, begin anew with \`subagents keys init --anew\``,
    },
  );
}
