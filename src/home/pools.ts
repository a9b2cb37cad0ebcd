/** The pools that the worker of a home joined at its last start. */
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';

const FILE = 'pools.json';
const schema = z.array(z.string());

/** Records the pools. @throws SubagentsError DISK_FULL, INTERNAL */
export function recordPools({ root }: { readonly root: string }, pools: readonly string[]): void {
  writePrivateFile(join(root, FILE), JSON.stringify(pools));
}

/** The recorded pools; none when the file is missing or unreadable. */
export function readPools(root: string): readonly string[] {
  try {
    return schema.parse(JSON.parse(readIfThere(join(root, FILE)) ?? '[]'));
  } catch {
    return [];
  }
}
