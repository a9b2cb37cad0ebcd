/** Finds the subagent that a person or a model means. Pure: no server, no clock. */
import { distance } from 'fastest-levenshtein';
import { SubagentsError } from '../../contract/index.ts';

/** A run of a subagent that a target may name. */
export interface Candidate {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label. */
  readonly run: number;
  readonly workflowId: string;
  readonly live: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** The word for the subagent that was started last. No label can be this word. */
const LAST = 'last';

const RUN_SUFFIX = /^(.*)@([1-9][0-9]{0,8})$/;

/** `label@3` as its name and run; a name without a number has no run. */
export function splitRun(target: string): { readonly name: string; readonly run: number | undefined } {
  const match = RUN_SUFFIX.exec(target);
  return match === null ? { name: target, run: undefined } : { name: match[1] ?? '', run: Number(match[2]) };
}

/**
 * The candidate that `target` names. In this order: the word `last`; a label (first in `session`, if given);
 * `session/label`; a unique prefix of either (first among live candidates); a workflow id. Without `@N`, the newest
 * run.
 * @throws SubagentsError AMBIGUOUS_TARGET or UNKNOWN_TARGET; both list candidates.
 */
export function resolveRunTarget<C extends Candidate>(
  target: string,
  candidates: readonly C[],
  options: { readonly session?: string | undefined } = {},
): C {
  if (target === LAST) return lastStarted(candidates, options.session);
  const { name, run } = splitRun(target);
  const runs = name === '' ? [] : namedRuns(name, target, candidates, options.session);
  if (runs.length === 0) throw unknownTarget(target, candidates);
  const found = run === undefined ? newest(runs) : runs.find((candidate) => candidate.run === run);
  if (found === undefined) throw unknownRun(target, runs);
  return found;
}

/** All runs of the one subagent that `name` stands for; empty when there is none. */
function namedRuns<C extends Candidate>(
  name: string,
  target: string,
  candidates: readonly C[],
  session: string | undefined,
): readonly C[] {
  const live = candidates.filter((candidate) => candidate.live);
  const rules: ((candidate: C) => boolean)[] = [
    (candidate) => candidate.session === session && candidate.label === name,
    (candidate) => candidate.label === name,
    (candidate) => qualified(candidate) === name,
  ];
  for (const rule of rules) {
    const hits = distinct(candidates.filter(rule));
    if (hits.length > 0) return requireOne(target, hits, candidates);
  }
  const byPrefix = (candidate: C): boolean =>
    candidate.label.startsWith(name) || (name.includes('/') && qualified(candidate).startsWith(name));
  for (const pool of [live, candidates]) {
    const hits = distinct(pool.filter(byPrefix));
    if (hits.length > 0) return requireOne(target, hits, candidates);
  }
  return candidates.filter((candidate) => candidate.workflowId === name);
}

function requireOne<C extends Candidate>(
  target: string,
  hits: readonly C[],
  candidates: readonly C[],
): readonly C[] {
  const [hit, ...more] = hits;
  if (hit === undefined || more.length > 0) throw ambiguousTarget(target, hits);
  return candidates.filter((candidate) => qualified(candidate) === qualified(hit));
}

const qualified = (candidate: Candidate): string => `${candidate.session}/${candidate.label}`;

/** One candidate, the newest run, of each subagent. */
function distinct<C extends Candidate>(candidates: readonly C[]): C[] {
  const byName = new Map<string, C>();
  for (const candidate of candidates) {
    const known = byName.get(qualified(candidate));
    if (known === undefined || known.run < candidate.run) byName.set(qualified(candidate), candidate);
  }
  return [...byName.values()];
}

function newest<C extends Candidate>(runs: readonly C[]): C | undefined {
  return runs.reduce<C | undefined>(
    (best, candidate) => (best === undefined || candidate.run > best.run ? candidate : best),
    undefined,
  );
}

function lastStarted<C extends Candidate>(candidates: readonly C[], session: string | undefined): C {
  const own = candidates.filter((candidate) => session === undefined || candidate.session === session);
  const last = (own.length > 0 ? own : candidates).reduce<C | undefined>(
    (best, candidate) => (best === undefined || candidate.startedAt >= best.startedAt ? candidate : best),
    undefined,
  );
  if (last === undefined) throw unknownTarget(LAST, candidates);
  return last;
}

/** Maximum number of candidates that an error lists. */
const MAX_LISTED = 8;

function ambiguousTarget(target: string, hits: readonly Candidate[]): SubagentsError {
  return new SubagentsError('AMBIGUOUS_TARGET', `"${target}" could be ${hits.length} subagents`, {
    remedy: `name one of them: ${list(hits.map(qualified).sort())}`,
  });
}

function unknownRun(target: string, runs: readonly Candidate[]): SubagentsError {
  const names = [...runs].sort((a, b) => b.run - a.run).map((run) => `${run.label}@${run.run}`);
  return new SubagentsError('UNKNOWN_TARGET', `there is no run "${target}"`, {
    remedy: `known runs: ${list(names)}`,
  });
}

function unknownTarget(target: string, candidates: readonly Candidate[]): SubagentsError {
  const wanted = splitRun(target).name;
  const closeness = (candidate: Candidate): number =>
    Math.min(distance(wanted, candidate.label), distance(wanted, qualified(candidate)));
  const near = distinct(candidates)
    .filter((candidate) => closeness(candidate) <= Math.max(2, Math.floor(candidate.label.length / 3)))
    .sort((a, b) => closeness(a) - closeness(b));
  const others = distinct(candidates).sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  const remedy =
    near.length > 0
      ? `did you mean ${list(near.map(qualified))}?`
      : others.length > 0
        ? `there are: ${list(others.map(qualified))}`
        : 'there are no subagents yet: `subagents spawn` starts one';
  return new SubagentsError('UNKNOWN_TARGET', `there is no subagent "${target.slice(0, 200)}"`, { remedy });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(', ');
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
