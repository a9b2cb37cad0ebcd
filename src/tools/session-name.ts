import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { resolveRepository } from '../git/repository.ts';

const MAX_NAME_CHARS = 60;
const HASH_CHARS = 6;

/**
 * The session name for a main agent that works in `folder`: the name of the checkout's root (outside of any checkout,
 * of the folder) with a short hash of its path, which makes the name unique: `shop-3f9a1c`.
 */
export async function sessionNameFor(folder: string): Promise<string> {
  const root = await resolveRepository(folder).catch(() => realpath(folder).catch(() => folder));
  const name = basename(root)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, MAX_NAME_CHARS);
  const hash = createHash('sha256').update(root).digest('hex').slice(0, HASH_CHARS);
  return `${name === '' ? 'repository' : name}-${hash}`;
}
