/**
 * The lock for one in-place subagent per checkout, across all workers and homes of this machine. Everyone who wants
 * the checkout writes a lock entry, a file named after the run, into the checkout's git folder, and only then reads
 * the entries of others. Of any two, the later writer sees the other's entry; whoever sees a live entry withdraws.
 * A run that has ended never returns, so anyone may remove its entry: a fresh entry can never be taken for a stale
 * one.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../../contract/index.ts';
import { repositorySnapshot } from '../trust/repository-snapshot.ts';
import { uncommitted } from '../contents/uncommitted.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../../system/files.ts';

const lockEntry = z.object({
  workflowId: z.string(),
  /** First execution run id. */
  runId: z.string(),
  label: z.string(),
  session: z.string(),
  run: z.number().int(),
  /** The home of the worker that wrote the entry. */
  home: z.string(),
  /** ISO 8601. */
  since: z.string(),
  /** The commit that was checked out when the subagent began. */
  base: z.string(),
  branch: z.string().nullable(),
  /** Paths that were uncommitted before the subagent began, at most 1,000. */
  uncommittedBefore: z.array(z.string()),
  /**
   * The contents of those paths; absent when there were too many, and when the run continues an earlier run with
   * uncommitted changes.
   */
  before: uncommitted.optional(),
  /** Index marks that make git skip files; see `readIndexMarks`. */
  marks: z.array(z.string()).optional(),
  /** The repository's configuration and hooks before the subagent began. */
  snapshot: repositorySnapshot.optional(),
  /** Whether git may run programs that only the checkout itself configures. */
  trustRepo: z.boolean().default(false),
  /** False until the lock is taken: two runs that try at the same moment both withdraw and try again. */
  held: z.boolean(),
});
/** The lock entry of one run for one checkout. */
export type CheckoutLockEntry = z.infer<typeof lockEntry>;

/** The state of a run on a Temporal server; `missing`: the server never had the run, or has deleted it. */
type RunState = 'open' | 'closed' | 'missing';
/**
 * Returns the state of a subagent's run. `runId` is its first execution run id, so continue-as-new does not close
 * the run.
 */
export type GetRunState = (workflowId: string, runId: string) => Promise<RunState>;

/** How often a run tries again, after a short random wait, when several try at the same moment. */
const TIES = 12;

const folderOf = (gitDir: string): string => join(gitDir, 'subagents-in-place');
const entryPath = (gitDir: string, runId: string): string =>
  join(folderOf(gitDir), `${encodeURIComponent(runId)}.json`);

/**
 * Takes the checkout for `claim`, or returns the entry that its run already holds.
 * @param gitDir the checkout's own git folder.
 * @throws SubagentsError CHECKOUT_BUSY that names the holder
 */
export async function takeCheckout(
  gitDir: string,
  claim: Omit<CheckoutLockEntry, 'held'>,
  ask: GetRunState,
): Promise<CheckoutLockEntry> {
  const path = entryPath(gitDir, claim.runId);
  const own = readEntry(path);
  if (own?.held) return own;
  for (let tries = 0; ; tries++) {
    writeEntry(path, { ...claim, held: false });
    const holder = await holderOf(gitDir, claim, ask).catch((error: unknown) => {
      rmSync(path, { force: true });
      throw error;
    });
    if (!holder) {
      const held = { ...claim, held: true };
      writeEntry(path, held);
      return held;
    }
    rmSync(path, { force: true });
    if (holder.held || tries === TIES) throw busy(holder);
    await delay(2 + Math.random() * 20);
  }
}

/**
 * Checks that no live subagent holds the checkout.
 * @throws SubagentsError CHECKOUT_BUSY that names the holder
 * @param asker who asks; an entry of its own run does not count.
 */
export async function checkCheckoutFree(
  gitDir: string,
  asker: { home: string; runId?: string },
  ask: GetRunState,
): Promise<void> {
  const holder = await holderOf(gitDir, asker, ask);
  if (holder) throw busy(holder);
}

/** Releases the checkout. Does nothing when that run does not hold it. */
export function releaseCheckout(gitDir: string, runId: string): void {
  rmSync(entryPath(gitDir, runId), { force: true });
  try {
    rmdirSync(folderOf(gitDir));
  } catch {
    // The folder is absent already, or contains another run's entry.
  }
}

/** Returns the lock entry of a run that holds a checkout; undefined when it does not. */
export function readCheckoutLockEntry(gitDir: string, runId: string): CheckoutLockEntry | undefined {
  const claim = readEntry(entryPath(gitDir, runId));
  return claim?.held ? claim : undefined;
}

/** Writes the entry. Tries twice, because a release may remove the empty folder in between. */
function writeEntry(path: string, claim: CheckoutLockEntry): void {
  const text = JSON.stringify(claim, undefined, 2);
  ensurePrivateDir(dirname(path));
  try {
    writePrivateFile(path, text);
  } catch {
    ensurePrivateDir(dirname(path));
    writePrivateFile(path, text);
  }
}

interface Holder {
  readonly held: boolean;
  readonly who: string;
  readonly remedy: string;
}

/** Returns the first entry of another run that is not stale; removes stale entries that it finds. */
async function holderOf(
  gitDir: string,
  asker: { home: string; runId?: string },
  ask: GetRunState,
): Promise<Holder | undefined> {
  for (const name of entriesIn(folderOf(gitDir))) {
    const path = join(folderOf(gitDir), name);
    if (asker.runId !== undefined && path === entryPath(gitDir, asker.runId)) continue;
    const claim = readEntry(path);
    if (!claim) {
      if (!existsSync(path)) continue;
      return {
        held: true,
        who: `an unknown subagent, whose lock file ${path} cannot be read`,
        remedy: `If no subagent works in the checkout, remove the lock file ${path}.`,
      };
    }
    const who = `subagent ${claim.session}/${claim.label} (since ${claim.since})`;
    const state = await ask(claim.workflowId, claim.runId);
    const known = state !== 'missing' || claim.home === asker.home;
    if (state === 'open') {
      return { held: claim.held, who, remedy: 'Wait for it, kill it, or use isolation "worktree".' };
    }
    // The entry may belong to another server, which our server cannot answer for: only a missing home proves that
    // the run ended.
    if (!known && existsSync(claim.home)) {
      return {
        held: true,
        who: `${who} of another home, ${claim.home}`,
        remedy: `That home may use another Temporal server, so whether the subagent has ended is unknown. If it has, remove the lock file ${path}.`,
      };
    }
    rmSync(path, { force: true });
  }
  return undefined;
}

function entriesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  } catch {
    return [];
  }
}

function readEntry(path: string): CheckoutLockEntry | undefined {
  try {
    return lockEntry.parse(JSON.parse(readIfThere(path) ?? ''));
  } catch {
    return undefined;
  }
}

function busy({ who, remedy }: Holder): SubagentsError {
  return new SubagentsError('CHECKOUT_BUSY', `this checkout is in use by ${who}`, { remedy });
}
