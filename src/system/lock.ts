/**
 * A lock between processes of one machine that survives the death of its holder.
 *
 * Everyone who wants it puts down a claim, a file whose name is its process (pid and start time) and only then looks
 * for claims of other living processes. Of any two, the one that claimed later sees the other; whoever sees another
 * withdraws. So two never hold it at once. A dead process's claim names nobody who could come back, so anyone may
 * remove it: there is no moment in which a fresh lock can be taken for a stale one.
 */
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensurePrivateDir, explained, readIfThere } from './files.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from './process.ts';

export interface Lock {
  /** Gives the lock back; more than once does nothing. */
  release(): void;
}

/** Who has a lock. */
export interface Holder extends ProcessIdentity {
  /** ISO 8601, when it took the lock. */
  readonly since: string;
}

/** What a holder writes into its claim: those who merely try leave theirs empty. */
const HELD = 'held';
/** Two who try at the same moment both withdraw; how often they try again, after a short random wait. */
const TIES = 12;

let claims = 0;

/**
 * Takes the lock whose claims lie in the folder `dir` (made when absent), or says who has it. Does not wait for it.
 * A process that has it already counts as another.
 * @throws SubagentsError when `dir` cannot be written
 */
export async function tryLock(dir: string): Promise<{ readonly lock: Lock } | { readonly holder: Holder }> {
  ensurePrivateDir(dir);
  const { pid, startTime } = ownIdentity();
  const claim = join(dir, `${pid}.${startTime}.${claims++}`);
  for (let tries = 0; ; tries++) {
    explained(claim, () => writeFileSync(claim, '', { mode: 0o600, flag: 'wx' }));
    const others = livingClaims(dir).filter(({ path }) => path !== claim);
    if (others.length === 0) {
      explained(claim, () => writeFileSync(claim, HELD));
      return { lock: { release: () => rmSync(claim, { force: true }) } };
    }
    rmSync(claim);
    const holder = others.find(({ held }) => held) ?? (tries < TIES ? undefined : others[0]);
    if (holder) return { holder };
    await delay(2 + Math.random() * 20);
  }
}

interface Claim extends Holder {
  readonly path: string;
  readonly held: boolean;
}

/** The claims of processes that live; those of dead ones are removed on the way. */
function livingClaims(dir: string): Claim[] {
  return readdirSync(dir).flatMap((name) => {
    const [pid, startTime] = name.split('.');
    const path = join(dir, name);
    if (!pid || !startTime || !/^\d+$/.test(pid)) return [];
    if (!isAlive(Number(pid), startTime)) {
      rmSync(path, { force: true });
      return [];
    }
    const content = readIfThere(path);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (content === undefined || !stat) return []; // withdrawn meanwhile
    return [{ path, pid: Number(pid), startTime, held: content === HELD, since: stat.mtime.toISOString() }];
  });
}
