/** Folders for one piece of work, in the system's temporary folder. Each names the process that made it, so that those of killed ones are known. */
import { lstatSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namesIn } from './files.ts';
import { isAlive, ownIdentity, processSpace } from './process.ts';

const PREFIX = 'subagents-scratch';

/** Does `work` with an empty folder that this user alone can enter, and removes it afterwards. @throws the system's error */
export async function withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const { pid, startTime } = ownIdentity();
  const owner = [PREFIX, processSpace(), pid, encodeURIComponent(startTime)].join(',');
  const folder = await mkdtemp(join(tmpdir(), `${owner},`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes those that processes of this user left behind when they were killed. Those of living ones stay, and of processes that
 * cannot be seen from here (another container).
 * @returns how many
 */
export async function sweepScratch(folder = tmpdir()): Promise<number> {
  let removed = 0;
  for (const name of namesIn(folder)) {
    const [prefix, space, pid, startTime] = name.split(',');
    if (prefix !== PREFIX || space !== processSpace() || startTime === undefined) continue;
    if (isAlive(Number(pid), decodeURIComponent(startTime))) continue;
    const path = join(folder, name);
    try {
      const stat = lstatSync(path);
      if (!stat.isDirectory() || stat.uid !== process.getuid?.()) continue;
      await rm(path, { recursive: true, force: true });
      removed++;
    } catch {
      // Somebody else removes it at the same moment.
    }
  }
  return removed;
}
