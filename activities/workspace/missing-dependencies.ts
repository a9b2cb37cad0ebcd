/** What a fresh worktree lacks, told from the lock files of its commit: what git ignores is not in it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

interface Manager {
  /** One of these in the commit says that the repository uses it; the first that is there counts. */
  readonly manifests: readonly string[];
  /** Where it installs to. */
  readonly folders: readonly string[];
  readonly command: string;
  /** False: named only where the caller's checkout has the folder, since others install elsewhere, or do not install. */
  readonly always: boolean;
}

// Of managers of one folder the first that fits counts.
const MANAGERS: readonly Manager[] = [
  node('pnpm-lock.yaml', 'pnpm install --frozen-lockfile'),
  node('.yarnrc.yml', 'yarn install --immutable'),
  node('yarn.lock', 'yarn install --frozen-lockfile'),
  node('bun.lock', 'bun install --frozen-lockfile'),
  node('bun.lockb', 'bun install --frozen-lockfile'),
  node('package-lock.json', 'npm ci'),
  node('npm-shrinkwrap.json', 'npm ci'),
  { ...node('package.json', 'npm install'), always: false },
  { manifests: ['uv.lock'], folders: ['.venv'], command: 'uv sync', always: true },
  { manifests: ['poetry.lock'], folders: ['.venv'], command: 'poetry install', always: false },
  {
    manifests: ['requirements.txt'],
    folders: ['.venv', 'venv'],
    command: 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
    always: false,
  },
  { manifests: ['Gemfile.lock'], folders: ['vendor/bundle'], command: 'bundle install', always: false },
  { manifests: ['composer.lock'], folders: ['vendor'], command: 'composer install', always: true },
  { manifests: ['mix.lock'], folders: ['deps'], command: 'mix deps.get', always: true },
  { manifests: ['Cargo.lock'], folders: ['target'], command: 'cargo build', always: false },
];

function node(manifest: string, command: string): Manager {
  return { manifests: [manifest], folders: ['node_modules'], command, always: true };
}

/** What to ask of a commit, before `missingDependencies` can tell. */
export const DEPENDENCY_PATHS: readonly string[] = [
  ...new Set(MANAGERS.flatMap(({ manifests, folders }) => [...manifests, ...folders])),
];

/**
 * A line for each kind of dependency that a worktree of the commit will lack, with the set-up command to add.
 * @param repo the caller's checkout.
 * @param has whether the commit has one of `DEPENDENCY_PATHS`.
 * @param included whether `.worktreeinclude` brings that folder along.
 */
export function missingDependencies(
  repo: string,
  has: (path: string) => boolean,
  included: (folder: string) => boolean,
): string[] {
  const seen = new Set<string>();
  return MANAGERS.flatMap(({ manifests, folders, command, always }) => {
    const [folder = ''] = folders;
    const manifest = manifests.find(has);
    if (manifest === undefined || seen.has(folder)) return [];
    seen.add(folder);
    // What is committed is in the worktree too.
    if (folders.some(has) || folders.some(included)) return [];
    const there = folders.find((path) => existsSync(join(repo, path)));
    if (there === undefined && !always) return [];
    return [
      `${there ?? folder} is not in a worktree (${manifest} is): add --setup "${command}", or "setup" in .subagents.json`,
    ];
  });
}
