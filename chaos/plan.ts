/** What a seed determines: the subagents, and the planned strikes. All of this is reproducible; the timing is not. */
import type { FinalStatus } from '../src/contract/index.ts';
import { Random } from './random.ts';

/** The kinds of subagents. */
export const KINDS = [
  'quick', // one shell command
  'long-shell', // a shell command of some seconds between two short ones
  'several-turns', // its verification fails first, and passes after another turn
  'steered', // gets messages while a shell command runs
  'asking', // asks one or two questions
  'killed', // is killed at a chosen moment
  'failing', // its verification never passes
  'leaving', // leaves processes behind that resist being ended
] as const;
type Kind = (typeof KINDS)[number];

/** When a subagent to be killed is killed. */
const KILL_MOMENTS = ['beginning', 'working', 'asking', 'verifying', 'at-once'] as const;
type KillMoment = (typeof KILL_MOMENTS)[number];

/** A subagent as planned. */
export interface PlannedSubagent {
  readonly label: string;
  readonly kind: Kind;
  /** Duration of its long command. */
  readonly seconds: number;
  /** Number of messages for `steered`, of questions for `asking`; otherwise 0. */
  readonly count: number;
  /** Whether it commits itself, or leaves that to the worker. */
  readonly commits: boolean;
  readonly killWhen: KillMoment;
}

const PARTS = ['worker', 'runtime', 'server', 'everything'] as const;
const WAYS = ['kill', 'terminate', 'freeze'] as const;

/**
 * SIGKILL, SIGTERM, or SIGSTOP and SIGCONT, on one part. `everything`: the server, one worker and its runtime at once,
 * always SIGKILL.
 */
export interface PlannedStrike {
  /** When to strike: as a share of the model calls of a run without strikes. */
  readonly at: number;
  readonly part: (typeof PARTS)[number];
  readonly way: (typeof WAYS)[number];
  /** Index of the worker, or of the worker whose runtime is struck. */
  readonly worker: number;
  /** How long the part is frozen, or stays down before its restart, in milliseconds. */
  readonly forMs: number;
}

/** The plan of a run. */
export interface Plan {
  readonly seed: number;
  readonly workers: number;
  /** In order of their spawns. */
  readonly subagents: readonly PlannedSubagent[];
  /** Number of subagents in each spawn. */
  readonly waves: readonly number[];
  /** In order of time. */
  readonly strikes: readonly PlannedStrike[];
}

/** What a plan depends on. */
export interface PlanOptions {
  readonly seed: number;
  readonly subagents: number;
  readonly workers: number;
  readonly strikes: number;
  /** Longest freeze, in milliseconds. */
  readonly longestFreezeMs: number;
  /** Whether the server may be struck. */
  readonly strikeServer: boolean;
}

const SECONDS = [1, 6] as const;
const SHORTEST_FREEZE_MS = 500;
const LONGEST_AWAY_MS = 2_000;
const LARGEST_WAVE = 20;
/** Strikes happen between these shares of the work. */
const FIRST_STRIKE = 0.03;
const LAST_STRIKE = 0.9;

/** The possible ends of a subagent. */
export type ExpectedEnd = Extract<FinalStatus, 'done' | 'failed' | 'killed'>;

/** How a subagent must end. */
export function expectedEnd({ kind }: PlannedSubagent): ExpectedEnd {
  if (kind === 'killed') return 'killed';
  return kind === 'failing' ? 'failed' : 'done';
}

/** Makes a plan in which all kinds, and all moments of a kill, are about equally frequent. */
export function makePlan(options: PlanOptions): Plan {
  const random = new Random(options.seed);
  const subagents = random.shuffled(
    Array.from({ length: options.subagents }, (_, index) => planned(index, random)),
  );
  const waves: number[] = [];
  for (let left = options.subagents; left > 0; left -= waves.at(-1) ?? 0)
    waves.push(random.whole(1, Math.min(left, LARGEST_WAVE)));
  const strikes = Array.from({ length: options.strikes }, () => strike(options, random));
  return {
    seed: options.seed,
    workers: options.workers,
    subagents,
    waves,
    strikes: strikes.sort((a, b) => a.at - b.at),
  };
}

function planned(index: number, random: Random): PlannedSubagent {
  const kind = KINDS[index % KINDS.length] ?? 'quick';
  const killWhen = KILL_MOMENTS[Math.floor(index / KINDS.length) % KILL_MOMENTS.length] ?? 'working';
  return {
    label: `${kind}-${index + 1}`,
    kind,
    seconds: random.whole(...SECONDS),
    count: kind === 'steered' ? random.whole(1, 3) : kind === 'asking' ? random.whole(1, 2) : 0,
    commits: random.fraction() < 0.5,
    killWhen,
  };
}

function strike({ workers, longestFreezeMs, strikeServer }: PlanOptions, random: Random): PlannedStrike {
  const part = random.pick<PlannedStrike['part']>(strikeServer ? PARTS : ['worker', 'runtime']);
  const way = part === 'everything' ? 'kill' : random.pick(WAYS);
  const shares = FIRST_STRIKE + random.fraction() * (LAST_STRIKE - FIRST_STRIKE);
  return {
    at: Math.round(shares * 1_000) / 1_000,
    part,
    way,
    worker: random.whole(0, workers - 1),
    forMs:
      way === 'freeze' ? random.whole(SHORTEST_FREEZE_MS, longestFreezeMs) : random.whole(0, LONGEST_AWAY_MS),
  };
}
