/**
 * A snapshot of what a repository shares with its worktrees: configuration, hooks, branches, tags, and the checkout
 * that a subagent was spawned from. Comparing two snapshots shows what changed meanwhile.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Isolation } from '../../contract/index.ts';
import { contentSettings, readContentSettings } from './content-settings.ts';
import { gitDirs } from '../git-dirs.ts';
import { readConfiguration } from './configuration.ts';
import type { Git } from '../git.ts';
import { checkoutStatus, contentHash, differingPaths, changedFileHashes } from '../contents/status.ts';
import { readForeignFile, statIfThere } from '../../system/files.ts';

/** Time limit for the status of the checkout; without an answer its files are not compared. */
const STATUS_TIMEOUT_MS = 10_000;
/** With more changed and new files than this, files are not compared. */
const MAX_FILES = 1_000;
/** With more refs than this, refs are not compared. */
const MAX_REFS = 20_000;
/** Maximum number of names in one line. */
const MAX_NAMED = 10;

const entries = z.record(z.string(), z.string());
/** Hashes by name, except HEAD and refs, which are stored as they are. */
export const repositorySnapshot = z.object({
  /** When reading began, ISO 8601. */
  at: z.string().optional(),
  config: entries,
  hooks: entries,
  /** The settings that affect how git reads and writes files. */
  readings: contentSettings.optional(),
  refs: entries.optional(),
  /** The branches of subagents, which move while the subagents work. */
  subagents: entries.optional(),
  /** For an in-place subagent: the branch that it works on, which moves. */
  own: z.string().optional(),
  /** Absent for an in-place subagent, as are `files`. */
  head: z.string().optional(),
  files: entries.optional(),
});
/** See `repositorySnapshot`. */
export type RepositorySnapshot = z.infer<typeof repositorySnapshot>;

/**
 * Reads what worktrees share with the checkout; for an in-place subagent, its configuration, hooks and refs.
 * @throws SubagentsError GIT
 */
export async function readRepositorySnapshot(
  git: Git,
  of: Isolation = 'worktree',
): Promise<RepositorySnapshot> {
  const at = new Date().toISOString();
  const head = readForeignFile(join(gitDirs(git.cwd).gitDir, 'HEAD'))
    .toString()
    .trim();
  if (of === 'in-place') {
    const [shared, refs] = await Promise.all([readShared(git), readRefs(git)]);
    return { at, ...shared, ...refs, own: shown(head) };
  }
  const [shared, refs, files] = await Promise.all([readShared(git), readRefs(git), readFiles(git)]);
  return { at, ...shared, head, ...refs, ...(files && { files }) };
}

async function readShared(git: Git): Promise<RepositorySnapshot> {
  const { commonDir } = gitDirs(git.cwd);
  const { local } = await readConfiguration(git.cwd);
  return {
    config: Object.fromEntries([...local].map(([key, values]) => [key, hash(values.join('\n'))])),
    readings: await readContentSettings(git),
    hooks: { ...readHooks(join(commonDir, 'hooks')), ...readHooks(join(commonDir, 'info')) },
  };
}

/**
 * Describes the differences, without saying who caused them.
 * @param over branches of subagents that had ended before. The other subagents' branches may move, and are not
 * reported.
 */
export function describeDifferences(
  before: RepositorySnapshot,
  after: RepositorySnapshot,
  over: ReadonlySet<string> = new Set(),
): string[] {
  const lines: string[] = [];
  const say = (what: string, names: readonly string[]): void => {
    if (names.length === 0) return;
    lines.push(`${what}: ${listed(names)}`);
  };
  say('configuration of the repository', changed(before.config, after.config));
  say('hooks of the repository', changed(before.hooks, after.hooks));
  if (before.head !== undefined && after.head !== undefined && before.head !== after.head)
    say('HEAD of the checkout', [`${shown(before.head)} → ${shown(after.head)}`]);
  if (before.refs && after.refs) {
    const finished = (all: Record<string, string> = {}): Record<string, string> =>
      Object.fromEntries(Object.entries(all).filter(([name]) => over.has(name) && before.subagents?.[name]));
    const was = { ...before.refs, ...finished(before.subagents) };
    const is = { ...after.refs, ...finished(after.subagents) };
    const own = [before.own, after.own];
    say(
      'branches and tags',
      movedRefs(was, is)
        .filter(({ name }) => !own.includes(name))
        .map(({ text }) => text),
    );
  }
  if (before.files && after.files) say('files of the checkout', changed(before.files, after.files));
  return lines;
}

interface MovedRef {
  readonly name: string;
  /** The name, with what happened to it. */
  readonly text: string;
}

/** Returns the branches and tags that differ. */
function movedRefs(was: Readonly<Record<string, string>>, is: Readonly<Record<string, string>>): MovedRef[] {
  return changed(was, is).map((name) => ({
    name,
    text: `${name} (${was[name] ? (is[name] ? 'moved' : 'deleted') : 'new'})`,
  }));
}

/** Reads the branches and tags of a repository, except subagents' branches; undefined when there are too many. */
export const readBranches = async (git: Git): Promise<RepositorySnapshot['refs']> =>
  (await readRefs(git)).refs;

/**
 * Describes the branches and tags that differ, except `own`; empty when none differ, or when they could not be
 * read.
 */
export function describeMovedBranches(
  before: RepositorySnapshot['refs'],
  after: RepositorySnapshot['refs'],
  own: string | undefined,
): string {
  if (before === undefined || after === undefined) return '';
  const moved = movedRefs(before, after).filter(({ name }) => name !== own);
  return listed(moved.map(({ text }) => text));
}

/** Lists the first names and the number of further ones. */
function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}

/** Describes what could not be compared with the snapshot. */
export function describeNotCompared(before: RepositorySnapshot, after: RepositorySnapshot): string[] {
  // For an in-place subagent, neither is read.
  if (before.head === undefined) return [];
  const outside = 'outside its worktree, were not compared';
  return [
    ...(before.refs && after.refs
      ? []
      : [`branches and tags, ${outside}: there are more than ${MAX_REFS.toLocaleString('en')}`]),
    ...(before.files && after.files
      ? []
      : [
          `files of the checkout, ${outside}: more than ${MAX_FILES.toLocaleString('en')} are changed or new there, or git status took longer than ${STATUS_TIMEOUT_MS / 1_000} s`,
        ]),
  ];
}

async function readRefs(git: Git): Promise<Pick<RepositorySnapshot, 'refs' | 'subagents'>> {
  const args = [
    'for-each-ref',
    `--count=${MAX_REFS + 1}`,
    '--format=%(refname) %(objectname)',
    'refs/heads',
    'refs/tags',
    'refs/replace',
  ];
  const lines = (await git.try(args)).stdout.split('\n').filter((line) => line !== '');
  if (lines.length > MAX_REFS) return {};
  const all = lines.map((line) => line.split(' ') as [string, string]);
  const named = (which: (name: string) => boolean): Record<string, string> =>
    Object.fromEntries(
      all
        .filter(([name]) => which(name))
        .map(([name, commit]) => [name.replace(/^refs\/(heads|tags)\//, ''), commit]),
    );
  const ofSubagents = (name: string): boolean => name.startsWith('refs/heads/subagents/');
  return { refs: named((name) => !ofSubagents(name)), subagents: named(ofSubagents) };
}

async function readFiles(git: Git): Promise<Record<string, string> | undefined> {
  try {
    const status = await checkoutStatus(git.with({ timeoutMs: STATUS_TIMEOUT_MS }));
    if (status.changed.length + status.untracked.length > MAX_FILES) return undefined;
    const untracked = status.untracked.map((path) => [path, sizeAndTime(join(git.cwd, path))] as const);
    return { ...Object.fromEntries(changedFileHashes(git.cwd, status)), ...Object.fromEntries(untracked) };
  } catch {
    return undefined;
  }
}

function sizeAndTime(path: string): string {
  const stat = statIfThere(path);
  return stat === undefined ? 'absent' : `new ${stat.size} ${stat.mtimeMs}`;
}

function readHooks(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => !name.endsWith('.sample') && name !== 'refs');
  return Object.fromEntries(names.map((name) => [name, contentHash(join(folder, name))]));
}

const changed = (
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] => differingPaths(new Map(Object.entries(before)), new Map(Object.entries(after)));

const hash = (content: string): string => createHash('sha256').update(content).digest('hex').slice(0, 16);

const shown = (head: string): string => head.replace(/^ref: refs\/heads\//, '').slice(0, 60);
