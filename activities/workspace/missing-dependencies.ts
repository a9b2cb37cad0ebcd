/**
 * Derives from a commit's lock files which installed dependencies a fresh worktree lacks, since git ignores those.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

interface Manager {
  /** The commit uses the manager when it has one of these files; the first one found counts. */
  readonly manifests: readonly string[];
  /** The folders that it installs to. */
  readonly folders: readonly string[];
  readonly command: string;
  /**
   * False: reported only when the caller's checkout has the folder, because the manager may install elsewhere or
   * nothing.
   */
  readonly always: boolean;
}

// For managers that share a folder, the first match counts.
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

/** Paths to look up in the commit for `missingDependencies`. */
export const DEPENDENCY_PATHS: readonly string[] = [
  ...new Set(MANAGERS.flatMap(({ manifests, folders }) => [...manifests, ...folders])),
];

/**
 * Returns one line for each kind of dependency that a worktree of the commit will lack, with the set-up command to
 * add.
 * @param repo the caller's checkout.
 * @param has whether the commit has one of `DEPENDENCY_PATHS`.
 * @param included whether `.worktreeinclude` copies that folder.
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
    // A committed folder is in the worktree too.
    if (folders.some(has) || folders.some(included)) return [];
    const there = folders.find((path) => existsSync(join(repo, path)));
    if (there === undefined && !always) return [];
    return [
      `${there ?? folder} is not in a worktree (${manifest} is): add --setup "${command}", or "setup" in .subagents.json`,
    ];
  });
}
