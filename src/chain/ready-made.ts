/** Common chains, built from a task. */
import { basename } from 'node:path';
import type { ChainSpec, SpawnSpec } from '../contract/index.ts';

/** Fields that all steps of a ready-made chain share: any field of a spawn that the chain does not set itself. */
export type Common = Omit<SpawnSpec, 'label' | 'task' | 'repo'>;

/** A task with its braces escaped, so that nothing in it is read as a quote. */
export const literal = (task: string): string => task.replaceAll('{{', '\\{{');

/**
 * Returns a chain with the same task in several repositories, side by side; one step for each, named after the
 * repository's folder.
 * @example
 * ```ts
 * const task = 'Update zod to version 4, run the tests, and commit.';
 * const batch = await session.chain(batchChain({ label: 'zod-4', task, repos: ['../shop', '../mailer'] }, { verify: ['npm test'] }));
 * console.log((await batch.result()).status);
 * ```
 */
export function batchChain(
  {
    label,
    task,
    repos,
  }: { readonly label: string; readonly task: string; readonly repos: readonly string[] },
  common: Common = {},
): ChainSpec {
  const taken = new Set<string>();
  return {
    label,
    description: `runs the same task in ${repos.length} repositories`,
    steps: repos.map((repo) => ({
      ...common,
      id: freeId(repo, taken),
      task: literal(task),
      repo,
      needs: [],
    })),
  };
}

/** One racer: its model, and instructions in addition to the task. */
export interface Racer {
  readonly model?: string | undefined;
  readonly instructions?: string | undefined;
}

/**
 * Returns a chain that gives the same task to several subagents: the first that is done (and verified) wins, and the
 * others are killed.
 * @example
 * ```ts
 * const racers = [{ instructions: 'Look at time.' }, { instructions: 'Look at shared state.' }];
 * const task = "The test 'logs in' fails now and then. Fix it, and commit.";
 * const race = await session.chain(raceChain({ label: 'fix-flake', task, racers }, { verify: ['npm test'] }));
 * console.log((await race.result()).report);
 * ```
 */
export function raceChain(
  {
    label,
    task,
    racers,
  }: { readonly label: string; readonly task: string; readonly racers: readonly Racer[] },
  common: Common & Pick<SpawnSpec, 'repo'> = {},
): ChainSpec {
  return {
    label,
    description: `${racers.length} subagents work on the same task; the first that is done wins`,
    until: 'first',
    steps: racers.map(({ model, instructions }, index) => ({
      ...common,
      ...(model !== undefined && { model }),
      id: `racer-${index + 1}`,
      task: literal(instructions === undefined ? task : `${task}\n\n${instructions}`),
      needs: [],
    })),
  };
}

/** A step id from the name of the repository's folder, with a number if the name is taken. */
function freeId(repo: string, taken: Set<string>): string {
  const name = basename(repo.replace(/[\\/]+$/, '').replace(/\.git$/, '')).toLowerCase();
  const stem =
    name
      .replace(/[^a-z0-9_-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 30) || 'repo';
  let id = stem;
  for (let number = 2; taken.has(id); number++) id = `${stem}-${number}`;
  taken.add(id);
  return id;
}
