/**
 * Folders for one piece of work, in the system's temporary folder. Their names identify the process that made them, so
 * that those of killed processes are recognized.
 */
import { lstatSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namesIn } from './files.ts';
import { isAlive, ownIdentity, processSpace } from './process.ts';

const PREFIX = 'subagents-scratch';

/**
 * Runs `work` with an empty folder that only this user can enter, and removes it afterwards.
 * @param parent the folder to make it in; `sweepScratch` looks in the system's temporary folder alone
 * @throws the system's error
 */
export async function withScratch<T>(work: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  const { pid, startTime } = ownIdentity();
  const owner = [PREFIX, processSpace(), pid, encodeURIComponent(startTime)].join(',');
  const folder = await mkdtemp(join(parent, `${owner},`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes scratch folders that killed processes of this user left behind. Those of living processes stay, as do those
 * of processes that cannot be seen from here (another container).
 * @returns how many were removed
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
      // Another process is removing it at the same time.
    }
  }
  return removed;
}
