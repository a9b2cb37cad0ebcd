/** Package caches of sandboxes: without one, set-up without a network fails, and with a network each sandbox downloads everything. */

/** Where they are inside. Not below the home directory, where a sandboxed program could put a link in their place. */
export const INNER_CACHES = '/caches';

/** Variables by which programs find their folder there. */
export const CACHE_VARIABLES: Readonly<Record<string, string>> = {
  npm_config_cache: `${INNER_CACHES}/npm`,
  GOMODCACHE: `${INNER_CACHES}/go`,
  CARGO_HOME: `${INNER_CACHES}/cargo`,
  GRADLE_USER_HOME: `${INNER_CACHES}/gradle`,
  // Maven has no variable for its cache, but one for options.
  MAVEN_ARGS: `-Dmaven.repo.local=${INNER_CACHES}/maven`,
  // pip, uv, Yarn, pnpm, Go's build cache and others.
  XDG_CACHE_HOME: `${INNER_CACHES}/other`,
};
