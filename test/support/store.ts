/** What tests of a store need, whatever it is kept in. */
import { createCipheriv } from 'node:crypto';
import { join } from 'node:path';
import { Keys } from '../../src/keys/keys.ts';
import { newRing, ringText, type KeyRing } from '../../src/keys/key-ring.ts';
import type { RecordOf } from '../../src/store/records.ts';
import type { StoreObject } from '../../src/store/store.ts';

/** The keys of a ring, from a variable as its source. */
export const keysOf = (ring: KeyRing = newRing('refused')): Promise<Keys> =>
  Keys.read({ kind: 'env', name: 'RING', env: { RING: ringText(ring) } });

/** Bytes that do not repeat, in parts of odd sizes. */
export function* bytes(total: number, seed = 1): Generator<Uint8Array> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let done = 0; done < total;) {
    const part = stream.update(Buffer.alloc(Math.min(100_003, total - done)));
    done += part.length;
    yield part;
  }
}

/** The whole content of an object. */
export async function contentOf(object: StoreObject | undefined): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of object?.content ?? []) parts.push(part);
  return Buffer.concat(parts);
}

/** The record of an upload. */
export const upload = (id: string): RecordOf<'upload'> => ({
  kind: 'upload',
  id,
  session: 'default',
  label: 'fix',
  commit: 'c'.repeat(40),
});

const run = (runId: string) => ({
  session: 'default',
  label: 'fix',
  run: 1,
  workflowId: 'subagent/default/fix',
  runId,
});

/** The record of the work of a run. */
export const result = (runId: string, commits = 1): RecordOf<'result'> => ({
  kind: 'result',
  ...run(runId),
  branch: 'subagents/fix',
  base: 'b'.repeat(40),
  head: 'd'.repeat(40),
  commits,
});

/** The record that a run was accepted with an upload. */
export const accepted = (id: string, runId: string): RecordOf<'accepted'> => ({
  kind: 'accepted',
  ...run(runId),
  upload: id,
});

/** The record that the work of a run was merged. */
export const merged = (runId: string): RecordOf<'merged'> => ({
  kind: 'merged',
  ...run(runId),
  head: 'd'.repeat(40),
});

/** The environment of a store in a folder. */
export const inFolder = (folder: string): Readonly<Record<string, string>> => ({
  SUBAGENTS_STORE: join(folder, 'store'),
});
