/**
 * A lock between processes that survives the death of its holder.
 *
 * Where both sides support the operating system's lock, it decides, even between two containers that share a volume.
 * Besides it, each process has an entry: a file named after the process (pid, start time, and the space in which these
 * are valid). Entries name the holder, and decide alone where `flock` is missing: every process first creates its
 * entry, then looks for entries of other living processes, and withdraws if it finds one. Of any two processes, the
 * later one sees the earlier one's entry, so two never hold the lock at once. Anyone may remove a dead process's entry,
 * because that process cannot come back; so a fresh lock is never mistaken for a stale one. Whether a process of
 * another space lives cannot be checked: its entry counts while it is fresh.
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

/** A lock that this process holds. */
export interface Lock {
  /** Releases the lock. Further calls do nothing. */
  release(): void;
}

/** The holder of a lock. */
export interface Holder extends ProcessIdentity {
  /** ISO 8601, when it took the lock. */
  readonly since: string;
  /** Host name of the holder's container or machine if it is another one, where its pid has no meaning here. */
  readonly elsewhere?: string;
}

const OS_LOCK = 'os-lock';
/** `held` is false in entries of processes that are only trying. */
const entryContent = z.object({
  held: z.boolean(),
  since: z.string(),
  host: z.string(),
  /** Whether the process holds, or tried to take, the operating system's lock too. */
  osLock: z.boolean(),
});
type EntryContent = z.infer<typeof entryContent>;

/**
 * Two processes that try at the same moment both withdraw. This many retries follow, each after a short random wait.
 */
const TIES = 12;
/**
 * The holder writes its entry right after it has the operating system's lock. This many times the entry is looked for.
 */
const ENTRY_CHECKS = 100;
const TOUCH_EVERY_MS = 10_000;
/** A process of another space that has not touched its entry for this long counts as dead, without better evidence. */
const FRESH_MS = 60_000;

let entries = 0;

/**
 * Takes the lock whose entries are in the folder `dir` (created if missing), or returns its holder. Does not wait. A
 * second call in the same process counts as another process.
 * @throws SubagentsError if `dir` cannot be written; HOME_BUSY if the holder cannot be identified
 */
export async function tryLock(dir: string): Promise<{ readonly lock: Lock } | { readonly holder: Holder }> {
  ensurePrivateDir(dir);
  for (let looks = 0; looks < ENTRY_CHECKS; looks++) {
    const os = await lockFile(join(dir, OS_LOCK));
    if (os.state !== 'taken') return await takeEntry(dir, os);
    const holder = holderIn(dir);
    if (holder !== undefined) return { holder };
    await delay(10 + Math.random() * 20);
  }
  throw new SubagentsError(
    'HOME_BUSY',
    `another process has ${dir} locked, but its lock file does not say which`,
    {
      remedy: `find it with \`fuser ${join(dir, OS_LOCK)}\`, or use another home`,
    },
  );
}

/** Milliseconds between two tries to take a lock. */
const RETRY_MS = 200;

/** How `withLock` waits. */
export interface LockWait {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; default: no limit. */
  readonly timeoutMs?: number;
  /** The error once that time is over. */
  readonly late?: (holder: Holder) => Error;
}

/**
 * Runs `work` while no other process has the lock `dir`, for which it waits.
 * @throws the signal's reason; what `late` returns; as `tryLock`
 */
export async function withLock<T>(
  dir: string,
  work: () => Promise<T>,
  { signal, timeoutMs = Infinity, late }: LockWait = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const taken = await tryLock(dir);
    if ('lock' in taken) {
      try {
        return await work();
      } finally {
        taken.lock.release();
      }
    }
    if (late !== undefined && Date.now() > deadline) throw late(taken.holder);
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Takes the entry; the operating system's lock is held, or unavailable. */
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
        // The file system has become read-only. The entry of an ended process does not count anyway.
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
    // The entry was removed with its folder, or the disk is read-only; the next touch may succeed.
  }
}

interface Entry extends Holder {
  readonly path: string;
  readonly held: boolean;
}

/** The holder of the operating system's lock. Somebody certainly holds it, so entries that cannot be checked count. */
function holderIn(dir: string): Holder | undefined {
  const living = livingEntries(dir, false, Infinity).filter((entry) => entry.held);
  return living.find(({ elsewhere }) => elsewhere === undefined) ?? living[0];
}

/**
 * The entries of living processes. Entries of dead ones are removed.
 * @param osHeld whether this process has the operating system's lock, so that its earlier holders are gone
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

/**
 * Undefined if the entry was removed. One that is being written, or is unreadable, belongs to a process that is trying.
 */
function readContent(path: string): EntryContent | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return entryContent.parse(JSON.parse(text));
  } catch {
    return { held: false, since: new Date().toISOString(), host: 'unknown', osLock: false };
  }
}
