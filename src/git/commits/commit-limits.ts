/**
 * Decides which of a subagent's leftovers our own commit leaves out, because nobody decided that they belong in the
 * repository.
 */
import { openSync, readSync, closeSync } from 'node:fs';
import { basename, extname } from 'node:path/posix';
import { join } from 'node:path';
import type { Unsaved } from '../../contract/index.ts';
import { holdsToken, secretsByShape } from '../../environment/secret-shapes.ts';
import type { Git } from '../git.ts';
import type { CheckoutStatus } from '../contents/status.ts';
import { statIfThere } from '../../system/files.ts';

const MIB = 1024 * 1024;
/** Maximum size of one file. GitHub warns of files over 50 MB and refuses those over 100 MB. */
export const MAX_COMMITTED_FILE_BYTES = 20 * MIB;
/** Maximum size of all new and changed files together. */
const MAX_COMMITTED_BYTES = 200 * MIB;
/** Maximum number of new files in one commit. */
const MAX_COMMITTED_NEW_FILES = 1_000;
/** How many bytes of a file are searched for keys and tokens. */
const MAX_SCANNED_BYTES = MIB;

/** Names of files that usually contain keys and passwords; samples of such files do not count. */
const SECRET_NAMES = [
  /^\.env(\..+)?$/i,
  /\.env$/i,
  /^(id_(rsa|dsa|ecdsa|ed25519)|\.netrc|_netrc|\.pgpass|\.git-credentials|credentials(\.json)?|\.htpasswd)$/i,
  /^(service[-_]?account|client_secret).*\.json$/i,
  /\.(pem|key|p12|pfx|jks|jceks|keystore|kdbx|ppk|ovpn)$/i,
  /^\.(vault-token|s3cfg|boto|my\.cnf|mylogin\.cnf|tokens?|secrets?|passwords?)$/i,
  /^(passwords?|passphrases?|tokens?)\.txt$/i,
  // Terraform state contains all secrets in plain text.
  /\.tfstate(\.backup)?$/i,
];
/**
 * Paths of files in which tools store credentials among other settings: left out only when they contain
 * credentials.
 */
const CREDENTIAL_FILES = [
  /(^|\/)(\.npmrc|\.yarnrc(\.yml)?|\.pypirc|\.dockercfg|\.docker\/config\.json|\.kube\/config)$/i,
  /(^|\/)(auth|local\.settings)\.json$/i,
  /(^|\/)(nuget\.config|gradle\.properties|pip\.conf|[^/]*\.(kubeconfig|credentials|tfvars)|kubeconfig)$/i,
  /(^|\/)([^/]*[-_.])?(secrets?|credentials?)\.(json|ya?ml|toml|ini|cfg|conf|properties|txt|xml)$/i,
];
/** How many characters of such a file are searched for name and password pairs. */
const MAX_PAIRS_CHARS = 64 * 1024;
const SAMPLES = /(^|[._-])(example|sample|template|dist|defaults?|test|schema)([._-]|$)|\.pub$/i;

/** An entry that is left out: its name in reports, and the paths that the name covers. */
export interface ExcludedEntry extends Unsaved {
  readonly paths: readonly string[];
}

/** Returns the reason why a file seems to contain keys or passwords. @returns undefined when it does not */
export function likelySecret(path: string, content: Buffer): string | undefined {
  const name = basename(path);
  const text = content.toString('latin1');
  if (holdsToken(text)) return 'it contains a private key or a token';
  if (content.length === 0 || SAMPLES.test(name)) return undefined;
  // Public keys and certificates are not secret.
  if (/\.(pem|key)$/i.test(name) && /-----BEGIN (PUBLIC KEY|CERTIFICATE)-----/.test(text)) return undefined;
  if (SECRET_NAMES.some((pattern) => pattern.test(name)))
    return 'files with this name usually contain secrets';
  const keeps = CREDENTIAL_FILES.some((pattern) => pattern.test(path));
  return keeps && secretsByShape(text.slice(0, MAX_PAIRS_CHARS)).length > 0
    ? 'it is a credentials file and contains a credential'
    : undefined;
}

/**
 * Returns changed and new files of the worktree that our commit must leave out.
 * @param skip new files that are left out anyway.
 * @throws SubagentsError GIT
 */
export async function excludedFromCommit(
  git: Git,
  { changed, untracked }: CheckoutStatus,
  skip: ReadonlySet<string>,
): Promise<ExcludedEntry[]> {
  const fresh = untracked.filter((path) => !path.endsWith('/') && !skip.has(path));
  const all = [...changed.map(({ path }) => path), ...fresh];
  const sizes = new Map(all.map((path) => [path, sizeOf(join(git.cwd, path))]));
  const large = all.filter((path) => (sizes.get(path) ?? 0) > MAX_COMMITTED_FILE_BYTES);
  const elsewhere = await storedElsewhere(git, large);
  const out = large
    .filter((path) => !elsewhere.has(path))
    .map((path) =>
      one(
        path,
        `${inMegabytes(sizes.get(path))}; the worker commits files of at most ${inMegabytes(MAX_COMMITTED_FILE_BYTES)}`,
      ),
    );
  const gone = new Set([...out.map(({ path }) => path), ...elsewhere]);
  for (const path of all) {
    if (gone.has(path)) continue;
    const secret = likelySecret(path, readBeginning(join(git.cwd, path)));
    if (secret === undefined) continue;
    out.push(one(path, `likely a secret: ${secret}`));
    gone.add(path);
  }
  const rest = fresh.filter((path) => !gone.has(path));
  const groups = [...grouped(rest)].sort(([, a], [, b]) => b.length - a.length);
  let count = rest.length;
  let bytes = all.reduce((sum, path) => sum + (gone.has(path) ? 0 : (sizes.get(path) ?? 0)), 0);
  for (const [name, paths] of groups) {
    if (count <= MAX_COMMITTED_NEW_FILES) break;
    const limit = `the worker commits at most ${MAX_COMMITTED_NEW_FILES} new files`;
    out.push({ path: name, reason: `${paths.length} new files; ${limit}`, paths: [...paths] });
    count -= paths.length;
    for (const path of paths) {
      gone.add(path);
      bytes -= sizes.get(path) ?? 0;
    }
  }
  const bySize = fresh
    .filter((path) => !gone.has(path))
    .sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  for (const path of bySize) {
    if (bytes <= MAX_COMMITTED_BYTES) break;
    out.push(
      one(
        path,
        `${inMegabytes(sizes.get(path))}; the worker commits at most ${inMegabytes(MAX_COMMITTED_BYTES)} in total`,
      ),
    );
    bytes -= sizes.get(path) ?? 0;
  }
  return out;
}

const one = (path: string, reason: string): ExcludedEntry => ({ path, reason, paths: [path] });

/** Groups new files by top-level folder, `a/`; files without a folder by extension, `*.o`. */
function grouped(paths: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const slash = path.indexOf('/');
    const name = slash < 0 ? `*${extname(path)}` : path.slice(0, slash + 1);
    groups.set(name, [...(groups.get(name) ?? []), path]);
  }
  return groups;
}

/**
 * Returns the `paths` that a filter stores elsewhere (Git LFS and the like), so that the commit holds only a
 * reference.
 */
async function storedElsewhere(git: Git, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const { stdout } = await git.try(['check-attr', '-z', '--stdin', 'filter'], { input: paths.join('\0') });
  const items = stdout.split('\0');
  const found = new Set<string>();
  for (let at = 0; at + 2 < items.length; at += 3)
    if (!['unspecified', 'unset', ''].includes(items[at + 2] ?? '')) found.add(items[at] ?? '');
  return found;
}

/** The size of a file; 0 when `path` is no file. */
function sizeOf(path: string): number {
  const stat = statIfThere(path);
  return stat?.isFile() ? stat.size : 0;
}

function readBeginning(path: string): Buffer {
  const size = Math.min(sizeOf(path), MAX_SCANNED_BYTES);
  if (size === 0) return Buffer.alloc(0);
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSync(file, bytes, 0, size, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return Buffer.alloc(0); // Unreadable; git reports it.
  }
}

const inMegabytes = (bytes = 0): string => `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
