import { isBlocked, type CaveatKind } from '../contract/outcome/caveat.ts';
import type { ErrorCode } from '../contract/errors.ts';
import type { FinalStatus } from '../contract/status/status.ts';

/** Exit codes of every command. `subagents --help` lists them too. */
export const EXIT = {
  /** The command succeeded; with `wait`, every subagent is done. */
  ok: 0,
  /** The command failed; with `wait`, a subagent failed. */
  failed: 1,
  /** Wrong usage, bad input, unknown target. */
  usage: 2,
  /** Temporal or the store cannot be reached, or no worker polls. */
  unavailable: 3,
  /** No answer, or no end of what was waited for, in time. */
  timeout: 4,
  /** With `wait`: a subagent was killed. */
  killed: 5,
  /** With `wait`: a subagent used up its working time. */
  timedOut: 6,
  /** With `wait`: a subagent was lost (ended from outside). */
  lost: 7,
  /** With `wait`: a subagent used up its budget. */
  overBudget: 8,
  /** With `wait`: a subagent is done with a blocking caveat. With `merge`: refused because of such a caveat. */
  caveats: 9,
  /** `policy check`: the request needs an approval. */
  ask: 10,
  /** `policy check`: the request is denied. */
  denied: 11,
  /** Ctrl-C, by the convention of shells: 128 + SIGINT. */
  interrupted: 130,
} as const;

/** The exit codes in the help. */
export const EXIT_HELP = `Exit codes:
  0    done                               4    no answer in time
  1    failed; wait: a subagent failed    5    wait: a subagent was killed
  2    bad usage, input or target         6    wait: one used up its time
  3    no Temporal server, or no worker   7    wait: a subagent was lost
  9    done, but with a caveat that       8    wait: one used up its budget
       blocks merge and push              130  interrupted
  10   policy check: ask                  11   policy check: deny`;

/** The exit code for an error's code. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'BAD_INPUT':
    case 'NOT_A_REPOSITORY':
    case 'UNKNOWN_BASE':
    case 'MODEL_REFUSED':
    case 'NO_SANDBOX':
    case 'NO_VARIABLE':
    case 'LABEL_LIVE':
    case 'UNKNOWN_TARGET':
    case 'AMBIGUOUS_TARGET':
    case 'WHICH_QUESTION':
    case 'ALREADY_ANSWERED':
    case 'WHICH_APPROVAL':
    case 'ALREADY_DECIDED':
    case 'NEEDS_HUMAN':
    case 'ALREADY_ENDED':
    case 'NO_WORKSPACE':
    case 'STILL_LIVE':
    case 'NOT_DONE':
    case 'LIMIT':
    case 'SIGNING':
    case 'LOCAL_FILTER':
    case 'REPO_REFUSED':
    case 'NO_STORE':
    case 'OTHER_STORE':
      return EXIT.usage;
    case 'TEMPORAL_UNREACHABLE':
    case 'OTHER_SERVER':
    case 'TEMPORAL_MISSING':
    case 'NO_WORKER':
    case 'STORE_DENIED':
    case 'STORE_UNREACHABLE':
      return EXIT.unavailable;
    case 'CAVEATS':
      return EXIT.caveats;
    case 'TIMEOUT':
      return EXIT.timeout;
    case 'LOST':
      return EXIT.lost;
    default:
      return EXIT.failed;
  }
}

/** How a subagent ended, with the kinds of its caveats. */
export interface SubagentEnd {
  readonly status: FinalStatus;
  readonly caveats?: readonly CaveatKind[] | undefined;
}

/** Outcomes from best to worst. The exit code for several subagents is that of the worst outcome. */
const OUTCOMES: readonly (readonly [FinalStatus | 'done, but', number])[] = [
  ['done', EXIT.ok],
  ['done, but', EXIT.caveats],
  ['killed', EXIT.killed],
  ['over-budget', EXIT.overBudget],
  ['timed-out', EXIT.timedOut],
  ['lost', EXIT.lost],
  ['failed', EXIT.failed],
];

/** The exit code of `wait` for subagents that ended like this. */
export function exitCodeOfOutcomes(ends: readonly SubagentEnd[]): number {
  const ways = new Set(
    ends.map(({ status, caveats }) => (status === 'done' && isBlocked(caveats) ? 'done, but' : status)),
  );
  const worst = OUTCOMES.findLast(([way]) => ways.has(way));
  return worst?.[1] ?? EXIT.ok;
}
