/**
 * One of our environment variables. Each is declared once here; `docs/settings.md` is generated from these
 * declarations, and `src/home/settings.ts` parses the variables of a worker.
 */
export interface Setting {
  /** The purpose of the variable. */
  readonly about: string;
  /** The default as a value of the variable. */
  readonly default?: string;
  /** A description of the default, if no value can express it. */
  readonly without?: string;
}

/** All our environment variables, by name. */
export const SETTINGS = {
  SUBAGENTS_HOME: {
    about: 'folder of the home: identity, worktrees, Copilot’s state, Temporal’s data, logs',
    default: '~/.subagents',
  },
  SUBAGENTS_SESSION: { about: 'session of commands that name none', default: 'default' },
  SUBAGENTS_POOL: {
    about: 'pool of spawns that name none; see [A fleet](fleet.md)',
    without: '`default` for a repository that is named by URL; a path stays on this host',
  },
  SUBAGENTS_SLOTS: {
    about: 'how many subagents work at once',
    without: 'two per core, at most one per 0.5 GiB of memory; 2 to 32',
  },
  SUBAGENTS_MODELS: { about: 'models that a spawn may name, separated by commas', without: 'any' },
  SUBAGENTS_MODEL: { about: 'model of spawns that name none', without: 'Copilot’s choice' },
  SUBAGENTS_REPOS: {
    about:
      'folders (real paths) whose repositories the worker accepts, separated by colons; also prefixes of URLs',
    without: 'any',
  },
  SUBAGENTS_ENV: {
    about: 'secret variables of the worker that the shells of all its subagents get, separated by commas',
    without: 'none',
  },
  SUBAGENTS_POLICY: {
    about:
      'policy for all subagents of this worker: `careful`, or the path of a JSON file; see [Policies](gates.md)',
    without: 'none',
  },
  SUBAGENTS_SANDBOX: {
    about:
      'sandboxes of this worker: `off` (spawns that ask for one are refused), `on` (those that ask get one) or `required` (all get one); see [Sandbox](sandbox.md)',
    default: 'on',
  },
  SUBAGENTS_SANDBOX_NETWORK: {
    about:
      'the most that a spawn may ask for as the network of a sandbox: `none`, `all`, or hosts separated by commas',
    default: 'all',
  },
  SUBAGENTS_SANDBOX_READ: {
    about:
      'folders, by real path, that sandboxed subagents may read beside their own, separated by colons: toolchains, caches',
    without: 'none',
  },
  SUBAGENTS_SANDBOX_CACHES: {
    about:
      'package caches in sandboxes: `off`, or `own`: each repository gets a set, which its sandboxes fill and share; see [Sandbox](sandbox.md#package-caches)',
    default: 'off',
  },
  SUBAGENTS_SANDBOX_MEMORY: {
    about: 'memory that all programs of one sandbox may take together',
    without: 'a quarter of the memory, at least 1 GB',
  },
  SUBAGENTS_SANDBOX_PROCESSES: {
    about: 'processes and threads that one sandbox may have at a time; at least 100',
    without: '1,000, or 250 per core where that is more',
  },
  SUBAGENTS_SANDBOX_DISK: {
    about:
      'disk space that the folders of one sandbox may take: worktree, repository, home directory, temporary folder',
    default: '20GB',
  },
  SUBAGENTS_KEEP: {
    about:
      'how long the remains of finished subagents are kept (with its unit), or `forever`; see [Getting the work out](results.md#getting-the-work-out)',
    default: '14d',
  },
  SUBAGENTS_KEEP_DISK: { about: 'how much disk space these remains may take', default: '20GB' },
  SUBAGENTS_RESERVE: {
    about:
      'free disk space below which a worker accepts no subagent; work of running subagents then waits, announced, until there is space again',
    default: '500MB',
  },
  SUBAGENTS_MAX_FOLDER: {
    about:
      'how much disk space the folder of one subagent may take; a subagent with more fails, and its work is kept',
    without: 'no limit',
  },
  SUBAGENTS_COPILOT_PATH: { about: 'path of another Copilot CLI', without: 'the one in this package' },
  SUBAGENTS_TEMPORAL_PATH: {
    about: 'path of the `temporal` program of the embedded server',
    without: 'see [Which Temporal](temporal.md)',
  },
  SUBAGENTS_UI_URL: {
    about: 'address of the Web UI of a server that `up` did not start, for links',
    without: 'unknown',
  },
  SUBAGENTS_KEYS: {
    about:
      'source of the key ring that encrypts messages: `home`, `file:<path>`, `env:<variable>`, `command:<line>`, or `off`; see [Keys](keys.md)',
    without:
      '`<home>/keys.json` for the server of this home; the first `subagents up` makes that file. No encryption for other servers',
  },
  SUBAGENTS_STORE: {
    about:
      'store of a fleet: the absolute path of a folder, or `s3://bucket/prefix` (endpoint and credentials by the AWS variables); see [The store](store.md)',
    without: 'none',
  },
  SUBAGENTS_HOST: {
    about: 'name of this host in task queues; set it in containers, whose host name changes',
    without: 'the host name',
  },
} as const satisfies Readonly<Record<`SUBAGENTS_${string}`, Setting>>;

export type SettingName = keyof typeof SETTINGS;
