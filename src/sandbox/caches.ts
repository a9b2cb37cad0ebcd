/** Package caches of sandboxes: without one, set-up without a network fails, and with a network each sandbox downloads everything. */
import { join } from 'node:path';

/** Where they are inside. Not below the home directory, where a sandboxed program could put a link in their place. */
const INNER = '/caches';

/** Variables by which programs find their folder in a set of caches, by its name there. */
const VARIABLES = {
  npm: 'npm_config_cache',
  go: 'GOMODCACHE',
  cargo: 'CARGO_HOME',
  gradle: 'GRADLE_USER_HOME',
  // pip, uv, Yarn, pnpm, Go's build cache and others.
  other: 'XDG_CACHE_HOME',
};
/** Maven has no variable for its cache, but one for options. */
const MAVEN = { name: 'MAVEN_ARGS', value: `-Dmaven.repo.local=${INNER}/maven` };

/** The arguments of bwrap for the set of caches in `folder`, which programs inside may change. */
export const cacheArguments = (folder: string): string[] => [
  ...['--bind', folder, INNER],
  ...Object.entries(VARIABLES).flatMap(([name, variable]) => ['--setenv', variable, join(INNER, name)]),
  ...['--setenv', MAVEN.name, MAVEN.value],
];
