/** Codes of every error a user can meet; stable, for programs to act on. */
export const ERROR_CODES = [
  'BAD_INPUT', // an argument does not fit its schema
  'NOT_A_REPOSITORY',
  'UNKNOWN_BASE',
  'MODEL_REFUSED', // not among the models the worker allows
  'NO_VARIABLE', // the worker lacks a variable that a spawn names
  'LABEL_LIVE', // a live subagent has this label
  'BRANCH_GONE', // the branch of the run that is to be continued is not there any more
  'BRANCH_BLOCKED', // a branch called `subagents` leaves no room for subagents/<label>
  'GIT', // a git command failed
  'SIGNING', // a commit cannot be signed without asking for a passphrase
  'LOCAL_FILTER', // files go through a filter that only the repository itself configures
  'REPO_REFUSED', // not under the roots that the worker allows
  'CHECKOUT_BUSY', // another in-place subagent works in this checkout
  'UNKNOWN_TARGET',
  'AMBIGUOUS_TARGET',
  'WHICH_QUESTION', // several were asked together, and the answer names none of them; or it names none of those that are open
  'ALREADY_ANSWERED', // the question has another answer
  'NO_WORKSPACE', // it has (or had) no workspace, or nothing of it is left
  'STILL_LIVE', // not before its end
  'NOT_DONE', // it ended, and not as done; or what is on its branch is not what was verified
  'CAVEATS', // it is done, but its outcome has a blocking caveat
  'CHECKOUT_DIRTY', // uncommitted changes are in the way of a merge
  'MERGE_CONFLICT',
  'ALREADY_ENDED', // steer or kill after the end
  'NO_WORKER', // nobody polls for this host
  'TEMPORAL_UNREACHABLE',
  'OTHER_SERVER', // at the address that was connected to, another server answers now
  'TEMPORAL_MISSING', // no way to get an embedded server
  'SEARCH_ATTRIBUTES', // not registered, and we may not
  'HOME_BUSY', // another process has this home
  'OTHER_CONTRACT', // the home was made by a version that speaks another contract
  'DATABASE', // the embedded server's database is damaged, locked or cannot be opened
  'HOME_GONE', // the home was removed while `up` ran in it
  'DISK_FULL',
  'FILE_ACCESS', // the system refuses a file or folder: read-only, no permission, too many open files
  'NOT_OURS', // a file that we did not write, and leave alone
  'NO_MODEL', // neither login nor provider
  'COPILOT_MISSING',
  'PACKAGE_MISSING', // an optional package that this needs is not installed
  'LIMIT', // a stated limit
  'TIMEOUT', // an answer did not come in time; the request may still take effect
  'CLOSED', // this program has closed its connection
  'LOST', // the run is gone (terminated, or past the server's retention)
  'INTERNAL',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** On every error of the class below, whichever copy made it: each bundle has its own. */
const BRAND = Symbol.for('durable-subagents.SubagentsError');

/** An error for people: what failed, on what, and what to do now. */
export class SubagentsError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** An error of another bundle's copy is one, too: the command line runs a worker that was bundled apart. */
  static override [Symbol.hasInstance](value: unknown): value is SubagentsError {
    return this === SubagentsError
      ? typeof value === 'object' && value !== null && BRAND in value
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  override readonly name = 'SubagentsError';
  readonly code: ErrorCode;
  /** What to do now, as one line. */
  readonly remedy: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { remedy?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
  }
}
