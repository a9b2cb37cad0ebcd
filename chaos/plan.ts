/** What a seed decides: which subagents there are, and what strikes when. Everything of it can be run again; its timing cannot. */
import type { FinalStatus } from '../src/contract/index.ts';
import { Random } from './random.ts';

export const KINDS = [
  'quick', // one shell command
  'long-shell', // a shell command of some seconds between two short ones
  'several-turns', // its verification fails first, and passes after another turn
  'steered', // messages come while a shell command runs
  'asking', // one or two questions
  'killed', // ended from outside, at a moment of its own
  'failing', // its verification never passes
  'leaving', // leaves processes behind that do not want to end
] as const;
type Kind = (typeof KINDS)[number];

/** When one of the killed is killed. */
const KILL_MOMENTS = ['beginning', 'working', 'asking', 'verifying', 'at-once'] as const;
type KillMoment = (typeof KILL_MOMENTS)[number];

export interface PlannedSubagent {
  readonly label: string;
  readonly kind: Kind;
  /** What its long command sleeps. */
  readonly seconds: number;
  /** Messages of the steered, questions of the asking; else 0. */
  readonly count: number;
  /** Whether it commits by itself, or leaves that to the worker. */
  readonly commits: boolean;
  readonly killWhen: KillMoment;
}

const PARTS = ['worker', 'runtime', 'server', 'everything'] as const;
const WAYS = ['kill', 'terminate', 'freeze'] as const;

/** SIGKILL, SIGTERM, or SIGSTOP and SIGCONT, at one part. `everything`: the server, one worker and its runtime at once, always SIGKILL. */
export interface PlannedStrike {
  /** When: the share of the model calls that a run without strikes would take. */
  readonly at: number;
  readonly part: (typeof PARTS)[number];
  readonly way: (typeof WAYS)[number];
  /** Which worker, or whose runtime; counts from 0. */
  readonly worker: number;
  /** How long it is frozen, or away before it is started again, in milliseconds. */
  readonly forMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly workers: number;
  /** In the order of their spawns. */
  readonly subagents: readonly PlannedSubagent[];
  /** How many subagents each spawn takes. */
  readonly waves: readonly number[];
  /** In the order of their times. */
  readonly strikes: readonly PlannedStrike[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly subagents: number;
  readonly workers: number;
  readonly strikes: number;
  /** Longest time that something is frozen, in milliseconds. */
  readonly longestFreezeMs: number;
  /** False: the server is not ours to strike. */
  readonly strikeServer: boolean;
}

const SECONDS = [1, 6] as const;
const SHORTEST_FREEZE_MS = 500;
const LONGEST_AWAY_MS = 2_000;
const LARGEST_WAVE = 20;
/** Strikes lie between these shares of the work. */
const FIRST_STRIKE = 0.03;
const LAST_STRIKE = 0.9;

/** How a subagent may have to end. */
export type ExpectedEnd = Extract<FinalStatus, 'done' | 'failed' | 'killed'>;

/** How a subagent must end. */
export function expectedEnd({ kind }: PlannedSubagent): ExpectedEnd {
  if (kind === 'killed') return 'killed';
  return kind === 'failing' ? 'failed' : 'done';
}

/** Every kind comes about equally often, every moment of a kill too. */
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
