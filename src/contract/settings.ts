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
    about: 'the home: identity, worktrees, Copilot’s state, Temporal’s data, logs',
    default: '~/.subagents',
  },
  SUBAGENTS_SESSION: { about: 'the session of commands that name none', default: 'default' },
  SUBAGENTS_SLOTS: {
    about: 'turns at once',
    without: 'two a core, at most one for each 0.5 GiB of memory; 2 to 32',
  },
  SUBAGENTS_MODELS: { about: 'models that a spawn may name, separated by commas', without: 'any' },
  SUBAGENTS_MODEL: { about: 'the model of spawns that name none', without: 'Copilot’s choice' },
  SUBAGENTS_REPOS: {
    about:
      'the only folders, by real path, under which repositories may lie, separated by colons; beginnings of URLs, too',
    without: 'any',
  },
  SUBAGENTS_ENV: {
    about: 'secret variables of the worker that the shells of all its subagents get, separated by commas',
    without: 'none',
  },
  SUBAGENTS_KEEP: {
    about:
      'how long what finished subagents leave is kept (with its unit), or `forever`; see [Getting the work out](results.md#getting-the-work-out)',
    default: '14d',
  },
  SUBAGENTS_KEEP_DISK: { about: 'how much of the disk it may take', default: '20GB' },
  SUBAGENTS_RESERVE: {
    about:
      'with less free, a worker takes nothing on, and all that it does for subagents waits, announced, until there is space again',
    default: '500MB',
  },
  SUBAGENTS_MAX_FOLDER: {
    about: 'what the folder of one subagent may take; one that takes more fails, its work is kept',
    without: 'no bound',
  },
  SUBAGENTS_COPILOT_PATH: { about: 'another Copilot CLI', without: 'the one of this package' },
  SUBAGENTS_TEMPORAL_PATH: {
    about: 'the `temporal` program of the embedded server',
    without: 'found as above',
  },
  SUBAGENTS_UI_URL: { about: 'the Web UI of a server that is not ours, for links', without: 'unknown' },
  SUBAGENTS_HOST: {
    about: 'the name of this host in queues; set it in containers, which have no lasting one',
    without: 'the host name',
  },
} as const satisfies Readonly<Record<`SUBAGENTS_${string}`, Setting>>;

export type SettingName = keyof typeof SETTINGS;
