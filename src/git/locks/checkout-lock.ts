/**
 * One in-place subagent per checkout, across all workers and homes of this machine.
 *
 * Everyone who wants the checkout puts a claim, a file named after its run, into the git folder of the checkout, and
 * only then looks for claims of others. Of any two, the one that claimed later sees the other; whoever sees a live one
 * withdraws. A run that is over never comes back, so anyone may remove its claim: there is no moment in which a fresh
 * claim can be taken for a stale one.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../../contract/index.ts';
import { repositorySnapshot } from '../trust/repository-snapshot.ts';
import { uncommitted } from '../contents/uncommitted.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../../system/files.ts';

const checkoutClaim = z.object({
  workflowId: z.string(),
  /** First execution run id. */
  runId: z.string(),
  label: z.string(),
  session: z.string(),
  run: z.number().int(),
  /** The home of the worker that took it. */
  home: z.string(),
  /** ISO 8601. */
  since: z.string(),
  /** What was checked out when it began. */
  base: z.string(),
  branch: z.string().nullable(),
  /** Paths that were uncommitted before it began, at most 1,000. */
  uncommittedBefore: z.array(z.string()),
  /** What it was; absent where that was too much, and where it goes on with what a run before it left uncommitted. */
  before: uncommitted.optional(),
  /** Marks in its index by which git does not read files; see `readMarks`. */
  marks: z.array(z.string()).optional(),
  /** The configuration and hooks there were before it began. */
  snapshot: repositorySnapshot.optional(),
  /** Whether programs that the checkout alone configures run for it. */
  trustRepo: z.boolean().default(false),
  /** False while it only tries: two who try at the same moment both withdraw and try again. */
  held: z.boolean(),
});
export type CheckoutLockEntry = z.infer<typeof checkoutClaim>;

/** What a Temporal server knows of a run: `missing` when it has never heard of it, or has forgotten it. */
type RunState = 'open' | 'closed' | 'missing';
/** Asks for the state of a subagent's run, `runId` being its first execution run id (continue-as-new does not close it). */
export type AskRunState = (workflowId: string, runId: string) => Promise<RunState>;

/** How often those who try at the same moment try again, after a short random wait. */
const TIES = 12;

const folderOf = (gitDir: string): string => join(gitDir, 'subagents-in-place');
const claimPath = (gitDir: string, runId: string): string =>
  join(folderOf(gitDir), `${encodeURIComponent(runId)}.json`);

/**
 * Takes the checkout for `claim`, or finds that its run has it already, and gives the claim that holds.
 * @param gitDir the checkout's own git folder.
 * @throws SubagentsError CHECKOUT_BUSY that names the holder
 */
export async function takeCheckout(
  gitDir: string,
  claim: Omit<CheckoutLockEntry, 'held'>,
  ask: AskRunState,
): Promise<CheckoutLockEntry> {
  const path = claimPath(gitDir, claim.runId);
  const own = readClaim(path);
  if (own?.held) return own;
  for (let tries = 0; ; tries++) {
    putDown(path, { ...claim, held: false });
    const holder = await holderOf(gitDir, claim, ask).catch((error: unknown) => {
      rmSync(path, { force: true });
      throw error;
    });
    if (!holder) {
      const held = { ...claim, held: true };
      putDown(path, held);
      return held;
    }
    rmSync(path, { force: true });
    if (holder.held || tries === TIES) throw busy(holder);
    await delay(2 + Math.random() * 20);
  }
}

/**
 * @throws SubagentsError CHECKOUT_BUSY that names the live subagent that has the checkout
 * @param asker its own claim does not count.
 */
export async function checkCheckoutFree(
  gitDir: string,
  asker: { home: string; runId?: string },
  ask: AskRunState,
): Promise<void> {
  const holder = await holderOf(gitDir, asker, ask);
  if (holder) throw busy(holder);
}

/** Gives the checkout back. Does nothing where that run does not have it. */
export function releaseCheckout(gitDir: string, runId: string): void {
  rmSync(claimPath(gitDir, runId), { force: true });
  try {
    rmdirSync(folderOf(gitDir));
  } catch {
    // Absent already, or somebody else claims.
  }
}

/** The claim of the run that has a checkout; undefined when that run does not have it. */
export function readCheckoutLockEntry(gitDir: string, runId: string): CheckoutLockEntry | undefined {
  const claim = readClaim(claimPath(gitDir, runId));
  return claim?.held ? claim : undefined;
}

/** Twice, because a release may remove the empty folder in between. */
function putDown(path: string, claim: CheckoutLockEntry): void {
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

/** The first claim of another that is not stale; stale ones are removed on the way. */
async function holderOf(
  gitDir: string,
  asker: { home: string; runId?: string },
  ask: AskRunState,
): Promise<Holder | undefined> {
  for (const name of claimsIn(folderOf(gitDir))) {
    const path = join(folderOf(gitDir), name);
    if (asker.runId !== undefined && path === claimPath(gitDir, asker.runId)) continue;
    const claim = readClaim(path);
    if (!claim) {
      if (!existsSync(path)) continue;
      return {
        held: true,
        who: 'an unreadable claim',
        remedy: `If no subagent works there, remove ${path}.`,
      };
    }
    const who = `subagent ${claim.session}/${claim.label} (since ${claim.since})`;
    const state = await ask(claim.workflowId, claim.runId);
    const known = state !== 'missing' || claim.home === asker.home;
    if (state === 'open') {
      return { held: claim.held, who, remedy: 'Wait for it, kill it, or use isolation "worktree".' };
    }
    // Its server may be another than ours, which has never heard of it: only a home that is gone proves its end.
    if (!known && existsSync(claim.home)) {
      return {
        held: true,
        who: `${who} of the home ${claim.home}`,
        remedy: `Its server is not ours, so its end cannot be proven: if it is over, remove ${path}.`,
      };
    }
    rmSync(path, { force: true });
  }
  return undefined;
}

function claimsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  } catch {
    return [];
  }
}

function readClaim(path: string): CheckoutLockEntry | undefined {
  try {
    return checkoutClaim.parse(JSON.parse(readIfThere(path) ?? ''));
  } catch {
    return undefined;
  }
}

function busy({ who, remedy }: Holder): SubagentsError {
  return new SubagentsError('CHECKOUT_BUSY', `this checkout is taken by ${who}`, { remedy });
}
