/**
 * Programs that subagents have configured in a repository: they run for none of our calls in it, whichever subagent a call
 * is about, for as long as they are configured there.
 *
 * Each run has a file in the git folder that all worktrees share: while it works, with the programs that there were when
 * it began; once it is over, with those that came meanwhile, if any did. It alone writes it.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../../system/files.ts';
import {
  injectedBetween,
  injectedConfig,
  readPrograms,
  stillInjected,
  type InjectedConfig,
} from './injected-config.ts';
import { gitDirs } from '../git-dirs.ts';

type Programs = Readonly<Record<string, string>>;

const watch = z.union([
  /** `until`: a file that is there for as long as anything is known of the run. */
  z.object({ before: z.record(z.string(), z.string()), until: z.string() }),
  z.object({ injected: injectedConfig }),
]);
type Watch = z.infer<typeof watch>;

/** Where they are noted for the checkout whose root is `repo`. @throws SubagentsError NOT_A_REPOSITORY */
export const watchFolder = (repo: string): string => join(gitDirs(repo).commonDir, 'subagents-programs');
const watchPath = (repo: string, runId: string): string =>
  join(watchFolder(repo), `${encodeURIComponent(runId)}.json`);

/**
 * Notes that a run begins; and of others that are over, or of which nothing is left, only what is still configured.
 * @throws SubagentsError GIT, DISK_FULL, INTERNAL
 */
export async function beginWatch(
  repo: string,
  runId: string,
  { before, until }: { readonly before: Programs; readonly until: string },
): Promise<void> {
  put(repo, runId, { before, until });
  const now = await readPrograms(repo);
  for (const [other, found] of watches(repo)) {
    if ('injected' in found) end(repo, other, stillInjected(found.injected, now));
    else if (!existsSync(found.until)) end(repo, other, injectedBetween(found.before, now));
  }
}

/** Notes that a run is over. Does nothing where it is not watched. @throws SubagentsError GIT, DISK_FULL, INTERNAL */
export async function endWatch(repo: string, runId: string): Promise<void> {
  const found = watches(repo).get(runId);
  if (found === undefined || 'injected' in found) return;
  end(repo, runId, injectedBetween(found.before, await readPrograms(repo)));
}

/**
 * The programs that are configured in the checkout `repo`, or in `at`, a worktree of it, and came from subagents.
 * @throws SubagentsError GIT
 */
export async function injectedIn(repo: string, at = repo): Promise<InjectedConfig> {
  const among = injectedAmong(repo);
  return among === undefined ? {} : among(await readPrograms(at));
}

/** Tells which programs came from subagents that work, or worked, in the checkout `repo`; undefined where none is noted there. */
export function injectedAmong(repo: string): ((programs: Programs) => InjectedConfig) | undefined {
  const all = [...watches(repo).values()];
  if (all.length === 0) return undefined;
  return (programs) =>
    Object.assign(
      {},
      ...all.map((found) =>
        'injected' in found
          ? stillInjected(found.injected, programs)
          : injectedBetween(found.before, programs),
      ),
    ) as InjectedConfig;
}

/** The programs of `now` as they were before anything of it was injected. */
export function withoutInjected(now: Programs, found: InjectedConfig): Record<string, string> {
  const put = Object.entries(found).map(([key, { instead }]) => [key, instead]);
  return { ...now, ...(Object.fromEntries(put) as Programs) };
}

function watches(repo: string): Map<string, Watch> {
  const found = new Map<string, Watch>();
  try {
    const folder = watchFolder(repo);
    for (const name of readdirSync(folder)) {
      if (!name.endsWith('.json') || name.startsWith('.')) continue;
      const content = watch.safeParse(readJson(join(folder, name)));
      if (content.success) found.set(decodeURIComponent(name.slice(0, -'.json'.length)), content.data);
    }
  } catch {
    // Nothing is watched there.
  }
  return found;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readIfThere(path) ?? '');
  } catch {
    return undefined;
  }
}

/** Twice, because somebody else's end may remove the empty folder in between. */
function put(repo: string, runId: string, content: Watch): void {
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  ensurePrivateDir(watchFolder(repo));
  try {
    writePrivateFile(watchPath(repo, runId), text);
  } catch {
    ensurePrivateDir(watchFolder(repo));
    writePrivateFile(watchPath(repo, runId), text);
  }
}

function end(repo: string, runId: string, left: InjectedConfig): void {
  if (Object.keys(left).length > 0) {
    put(repo, runId, { injected: left });
    return;
  }
  rmSync(watchPath(repo, runId), { force: true });
  try {
    rmdirSync(watchFolder(repo));
  } catch {
    // Others are noted there.
  }
}
