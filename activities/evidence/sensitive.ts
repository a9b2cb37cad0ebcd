/**
 * Finds changes that a reviewer should look at first: changes to tests, test settings, CI and scripts, which judge
 * the work.
 */
import { basename } from 'node:path/posix';
import type { ChangedFile } from '../../src/git/contents/changes.ts';

const TESTS = [
  /(^|\/)(tests?|__tests__|__snapshots__|__mocks__|specs?|e2e|testdata|fixtures)\//i,
  /\.(test|tests|spec|specs|e2e)\.[a-z0-9]+$/i,
  /_(test|spec)\.[a-z0-9]+$/i,
  /(^|\/)test_[^/]*\.py$/i,
  /(^|\/)conftest\.py$/i,
  /Tests?\.(java|kt|cs|swift|php)$/,
  /\.snap$/,
];
const TEST_RUNNERS = [
  /(^|\/)(jest|vitest|vite|playwright|cypress|karma|ava|nyc|wdio)\.(config|conf|workspace)\.[a-z]+$/,
  /(^|\/)\.(mocharc|nycrc|taprc|c8rc|coveragerc)(\.[a-z]+)?$/,
  /(^|\/)(pytest\.ini|tox\.ini|noxfile\.py|setup\.cfg|phpunit\.xml(\.dist)?|\.rspec|codecov\.ya?ml)$/,
];
const CI = [
  /(^|\/)\.(github|gitlab|circleci|buildkite|woodpecker|forgejo|gitea)\//,
  /(^|\/)\.(gitlab-ci|travis|drone|appveyor|cirrus|pre-commit-config)\.ya?ml$/,
  /(^|\/)(appveyor|azure-pipelines|bitbucket-pipelines|cloudbuild|\.woodpecker|buildspec)\.ya?ml$/,
  /(^|\/)(Jenkinsfile|\.ci|\.husky|lefthook\.ya?ml)(\/|$)/,
];
const SCRIPTS = [
  /(^|\/)(GNUmakefile|[Mm]akefile|[Jj]ustfile|[Tt]askfile\.ya?ml|Rakefile|\.npmrc)$/,
  /(^|\/)\.gitattributes$/,
];

const KINDS: readonly (readonly [string, readonly RegExp[]])[] = [
  ['tests', TESTS],
  ['test settings', TEST_RUNNERS],
  ['CI', CI],
  ['scripts', SCRIPTS],
];

/** Returns the kind of a sensitive `path`; undefined when it is not sensitive. */
function sensitiveKind(path: string): string | undefined {
  return KINDS.find(([, patterns]) => patterns.some((pattern) => pattern.test(path)))?.[0];
}

/**
 * Returns the sensitive files among `files`, each as `path (why)`.
 * @param contents returns a `package.json` before and after; undefined where it is absent.
 */
export async function sensitiveChanges(
  files: readonly ChangedFile[],
  contents: (file: ChangedFile) => Promise<readonly [before: string | undefined, after: string | undefined]>,
): Promise<string[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      if (basename(file.path) === 'package.json') {
        const scripts = changedScripts(...(await contents(file)));
        if (scripts.length > 0) return `${file.path} (scripts: ${scripts.slice(0, 10).join(', ')})`;
      }
      const kind =
        sensitiveKind(file.path) ?? (file.from === undefined ? undefined : sensitiveKind(file.from));
      return kind === undefined ? [] : `${file.path} (${kind})`;
    }),
  );
  return found.flat();
}

/** Returns the names of scripts that differ between two versions of a `package.json`. */
function changedScripts(before: string | undefined, after: string | undefined): string[] {
  const [old, now] = [scriptsOf(before), scriptsOf(after)];
  const names = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...names].filter((name) => old[name] !== now[name]).sort();
}

function scriptsOf(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed = JSON.parse(text ?? '{}') as { scripts?: unknown } | null;
    const scripts = parsed?.scripts;
    return typeof scripts === 'object' && scripts !== null ? (scripts as Record<string, unknown>) : {};
  } catch {
    return { '(unreadable)': text };
  }
}
