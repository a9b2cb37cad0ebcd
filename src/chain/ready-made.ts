/** Chains that are used often, made of a task. */
import { basename } from 'node:path';
import type { ChainSpec, SpawnSpec } from '../contract/index.ts';

/** What the steps of a ready-made chain have in common: any field of a spawn but what the chain sets itself. */
export type Common = Omit<SpawnSpec, 'label' | 'task' | 'repo'>;

/** A task is put in as it is: braces in it quote nothing. */
export const literal = (task: string): string => task.replaceAll('{{', '\\{{');

/** The same task in several repositories, side by side; a step for each, called after its folder. */
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
    description: `the same task in ${repos.length} repositories`,
    steps: repos.map((repo) => ({
      ...common,
      id: freeId(repo, taken),
      task: literal(task),
      repo,
      needs: [],
    })),
  };
}

/** One racer: its model, and what it is told besides the task. */
export interface Racer {
  readonly model?: string | undefined;
  readonly instructions?: string | undefined;
}

/** The same task to several subagents: the first that is done (and verified) wins, and the others are killed. */
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
    description: `${racers.length} subagents race for the same task`,
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

/** The name of a repository's folder as that of a step, with a number where it is taken. */
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
