/**
 * A lock between processes that survives the death of its holder.
 *
 * The operating system's lock decides where both sides have it, also between two containers that share a volume. Beside it lies an
 * entry for each process: a file whose name is the process (pid, start time, and the space in which these mean anything). It names
 * the holder, and decides alone where `flock` is missing: everyone who wants the lock puts down an entry and only then looks for
 * those of other living processes. Of any two, the one that came later sees the other; whoever sees another withdraws. So two never
 * hold it at once. A dead process's entry names nobody who could come back, so anyone may remove it: there is no moment in which a
 * fresh lock can be taken for a stale one. Whether a process of another space lives cannot be seen: its entry counts while it is fresh.
 */
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../contract/errors.ts';
import { ensurePrivateDir, withDiskErrors, readIfThere } from './files.ts';
import { lockFile, type OsLock } from './os-lock.ts';
import { isAlive, ownIdentity, processSpace, type ProcessIdentity } from './process.ts';

export interface Lock {
  /** Gives the lock back; more than once does nothing. */
  release(): void;
}

/** Who has a lock. */
export interface Holder extends ProcessIdentity {
  /** ISO 8601, when it took the lock. */
  readonly since: string;
  /** The host name of the holder's container or machine, where that is another: its pid means nothing here. */
  readonly elsewhere?: string;
}

const OS_LOCK = 'os-lock';
/** Those who merely try have `held: false`. */
const entryContent = z.object({
  held: z.boolean(),
  since: z.string(),
  host: z.string(),
  /** Whether its process has, or asked for, the operating system's lock too. */
  osLock: z.boolean(),
});
type EntryContent = z.infer<typeof entryContent>;

/** Two who try at the same moment both withdraw; how often they try again, after a short random wait. */
const TIES = 12;
/** The holder writes its entry right after it has got the operating system's lock; how often that is looked for. */
const NAME_LOOKS = 100;
const TOUCH_EVERY_MS = 10_000;
/** A process of another space that has not touched its entry for so long is taken for dead, where there is no better proof. */
const FRESH_MS = 60_000;

let entries = 0;

/**
 * Takes the lock whose entries lie in the folder `dir` (made when absent), or says who has it. Does not wait for it.
 * A process that has it already counts as another.
 * @throws SubagentsError when `dir` cannot be written; HOME_BUSY when its holder does not say who it is
 */
export async function tryLock(dir: string): Promise<{ readonly lock: Lock } | { readonly holder: Holder }> {
  ensurePrivateDir(dir);
  for (let looks = 0; looks < NAME_LOOKS; looks++) {
    const os = await lockFile(join(dir, OS_LOCK));
    if (os.state !== 'taken') return await takeEntry(dir, os);
    const holder = holderIn(dir);
    if (holder !== undefined) return { holder };
    await delay(10 + Math.random() * 20);
  }
  throw new SubagentsError('HOME_BUSY', `another process has ${dir} locked, and does not say who it is`, {
    remedy: `find it with \`fuser ${join(dir, OS_LOCK)}\`, or use another home`,
  });
}

/** The entry, once the operating system's lock is held, or where there is none. */
async function takeEntry(dir: string, os: OsLock): Promise<{ lock: Lock } | { holder: Holder }> {
  const releaseOs = (): void => {
    if (os.state === 'held') os.release();
  };
  try {
    const { pid, startTime } = ownIdentity();
    const entry = join(dir, `${pid}.${startTime}.${entries++}.${processSpace()}`);
    const osLock = os.state === 'held';
    const write = (held: boolean, flag: 'w' | 'wx'): void => {
      const content: EntryContent = { held, since: new Date().toISOString(), host: hostname(), osLock };
      withDiskErrors(entry, () => writeFileSync(entry, JSON.stringify(content), { mode: 0o600, flag }));
    };
    for (let tries = 0; ; tries++) {
      write(false, 'wx');
      const others = livingEntries(dir, osLock).filter(({ path }) => path !== entry);
      if (others.length === 0) {
        write(true, 'w');
        return { lock: held(entry, releaseOs) };
      }
      rmSync(entry);
      const holder = others.find((other) => other.held) ?? (tries < TIES ? undefined : others[0]);
      if (holder) {
        releaseOs();
        return { holder };
      }
      await delay(2 + Math.random() * 20);
    }
  } catch (error) {
    releaseOs();
    throw error;
  }
}

function held(entry: string, releaseOs: () => void): Lock {
  const touching = setInterval(() => touch(entry), TOUCH_EVERY_MS).unref();
  let isHeld = true;
  return {
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      clearInterval(touching);
      try {
        rmSync(entry, { force: true });
      } catch {
        // The file system is read-only by now: an entry of a process that is over counts for nobody.
      }
      releaseOs();
    },
  };
}

function touch(entry: string): void {
  const now = new Date();
  try {
    utimesSync(entry, now, now);
  } catch {
    // Removed with its folder, or the disk is read-only: the next look may find it.
  }
}

interface Entry extends Holder {
  readonly path: string;
  readonly held: boolean;
}

/** Who has the operating system's lock: it is proven that somebody has, so an entry that cannot be checked counts. */
function holderIn(dir: string): Holder | undefined {
  const living = livingEntries(dir, false, Infinity).filter((entry) => entry.held);
  return living.find(({ elsewhere }) => elsewhere === undefined) ?? living[0];
}

/**
 * The entries of processes that live; those of dead ones are removed on the way.
 * @param osHeld we have the operating system's lock: whoever had it before is gone
 * @param freshMs how fresh an entry of another space must be
 */
function livingEntries(dir: string, osHeld: boolean, freshMs = FRESH_MS): Entry[] {
  return readdirSync(dir).flatMap((name) => {
    const [pid, startTime, , space = processSpace()] = name.split('.');
    const path = join(dir, name);
    if (!pid || !startTime || !/^\d+$/.test(pid)) return [];
    const isOurSpace = space === processSpace();
    if (isOurSpace && !isAlive(Number(pid), startTime)) return remove(path);
    const content = readContent(path);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (content === undefined || !stat) return []; // withdrawn meanwhile
    const isGone = (osHeld && content.osLock) || Date.now() - stat.mtimeMs > freshMs;
    if (!isOurSpace && isGone) return remove(path);
    const { held: isHeld, since, host } = content;
    return [
      { path, pid: Number(pid), startTime, held: isHeld, since, ...(!isOurSpace && { elsewhere: host }) },
    ];
  });
}

function remove(path: string): [] {
  rmSync(path, { force: true });
  return [];
}

/** Undefined: removed. One that is just being written, or is unreadable, belongs to a process that tries. */
function readContent(path: string): EntryContent | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return entryContent.parse(JSON.parse(text));
  } catch {
    return { held: false, since: new Date().toISOString(), host: 'unknown', osLock: false };
  }
}
