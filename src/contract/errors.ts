/** Codes of all errors that a user can meet. They are stable, so that programs can act on them. */
export const ERROR_CODES = [
  'BAD_INPUT', // an argument does not fit its schema
  'NOT_A_REPOSITORY',
  'UNKNOWN_BASE',
  'MODEL_REFUSED', // the worker does not allow this model
  'NO_SANDBOX', // the worker’s machine cannot make the sandbox that is asked for
  'NO_VARIABLE', // the worker lacks a variable that a spawn names
  'LABEL_LIVE', // a live subagent has this label
  'BRANCH_GONE', // the branch of the run to continue no longer exists
  'BRANCH_BLOCKED', // a branch called `subagents` leaves no room for subagents/<label>
  'GIT', // a git command failed
  'SIGNING', // a commit cannot be signed without asking for a passphrase
  'LOCAL_FILTER', // files need a filter that only the repository itself configures
  'REPO_REFUSED', // the repository is not under the roots that the worker allows
  'CHECKOUT_BUSY', // another in-place subagent works in this checkout
  'UNKNOWN_TARGET',
  'AMBIGUOUS_TARGET',
  'WHICH_QUESTION', // several questions are open, and the answer names none of them
  'ALREADY_ANSWERED', // the question has a different answer
  'WHICH_APPROVAL', // several approvals are open, and the decision names none of them
  'ALREADY_DECIDED', // the approval has a different decision
  'NEEDS_HUMAN', // only a person can decide that, and there is no way to ask one here
  'NO_WORKSPACE', // the subagent never had a workspace, or nothing of it is left
  'STILL_LIVE', // possible only after the end of the subagent
  'NOT_DONE', // the subagent did not end as done, or its branch is not at the verified commit
  'CAVEATS', // the subagent is done, but its outcome has a blocking caveat
  'CHECKOUT_DIRTY', // uncommitted changes are in the way of a merge
  'MERGE_CONFLICT',
  'ALREADY_ENDED', // steer or kill after the end
  'NO_WORKER', // no worker is there that could do it
  'TEMPORAL_UNREACHABLE',
  'OTHER_SERVER', // a different server answers now at the address of this connection
  'TEMPORAL_MISSING', // no program for an embedded server is found, and none can be downloaded
  'SEARCH_ATTRIBUTES', // they are not registered, and we may not register them
  'HOME_BUSY', // another process has this home
  'OTHER_CONTRACT', // the home was made with another contract version
  'DATABASE', // the embedded server's database is damaged, locked or cannot be opened
  'HOME_GONE', // the home was removed while `up` ran in it
  'KEYS_UNREADABLE', // the key ring for messages cannot be read where it is said to be
  'KEY_MISSING', // a message is encrypted under a key that is not in the ring
  'NOT_AUTHENTIC', // a message that none of our keys encrypted, or not for this place
  'NO_STORE', // no store is configured, or there is none at the place
  'OTHER_STORE', // a store of another id, or of another key ring, than the one that is meant
  'STORE_DENIED', // the store refuses access
  'STORE_UNREACHABLE', // the store does not answer, or is busy
  'STORE_DAMAGED', // an object of the store is missing, cut short or changed
  'DISK_FULL',
  'FILE_ACCESS', // the system refuses a file or folder: read-only, no permission, too many open files
  'NOT_OURS', // a file that we did not write, and do not change
  'NO_MODEL', // there is neither a login nor a provider
  'COPILOT_MISSING',
  'PACKAGE_MISSING', // a required optional package is not installed
  'LIMIT', // a documented limit is exceeded
  'TIMEOUT', // no answer arrived in time; the request may still take effect
  'CLOSED', // this program has closed its connection
  'LOST', // the run is gone (terminated, or past the server's retention)
  'INTERNAL',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Marks every `SubagentsError`. Each bundle has its own copy of the class, so `instanceof` needs the mark. */
const BRAND = Symbol.for('durable-subagents.SubagentsError');

/** An error for people: what failed, on what, and the remedy. */
export class SubagentsError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /**
   * Accepts errors of another bundle's copy of the class: the command line runs a worker that is bundled separately.
   */
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
