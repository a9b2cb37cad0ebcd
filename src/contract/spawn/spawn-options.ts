/**
 * The options of a spawn, each declared once. The command line's flags and their completion, the descriptions in the
 * schemas (`spec.ts`: tools, chain files, `.subagents.json`), the doc comments of `SpawnSpec` and `docs/options.md`
 * come from here. This file loads no schema, because every start of the command line loads it.
 *
 * To add one: an entry here, its schema in `spec.ts`, and the place that acts on it.
 */

interface SpawnOption {
  /** Its flags, as `commander` reads them. */
  readonly flags: string;
  /** What the option does or sets. */
  readonly about: string;
  /** A description of the default; absent if nothing happens without the option. */
  readonly default?: string;
  /** The legal values, if there are only a few. */
  readonly choices?: readonly string[];
  /** How the command line parses the value; default: as text. */
  readonly reads?: 'list' | 'amount' | 'policy';
  /** The value that a flag without argument sets; default: `true`. */
  readonly value?: string;
  /** `continue` has the option, too. If it is omitted, the value of the previous run stays. */
  readonly continues?: true;
  /** `batch` and `race` have the option, and apply it to each of their subagents. */
  readonly common?: true;
  /** `.subagents.json` of a repository may set the option for spawns that leave it open. */
  readonly repository?: true;
}

/** The options by their field in a spec. A dot separates the parts of a nested field. */
export const SPAWN_OPTIONS = {
  model: {
    flags: '-m, --model <model>',
    about: 'a model that the worker allows',
    default: 'the worker’s',
    continues: true,
    repository: true,
  },
  thinking: {
    flags: '-t, --thinking <level>',
    about: 'how hard the model thinks: off, low, medium, high (or true) or xhigh',
    choices: ['off', 'low', 'medium', 'high', 'xhigh'],
    continues: true,
  },
  repo: {
    flags: '-r, --repo <path>',
    about: 'path of the git repository, or its URL',
    default: 'the one around the current folder',
  },
  pool: {
    flags: '--pool <name>',
    about: 'the pool whose workers may take it; the commits of a checkout go there through the store',
    default:
      'SUBAGENTS_POOL; else default for a URL (this host if no worker is in that pool), this host for a path',
    common: true,
  },
  base: {
    flags: '-b, --base <ref>',
    about: 'the commit, branch or tag to start from',
    default: 'HEAD of the checkout',
  },
  isolation: {
    flags: '--in-place',
    about: 'worktree: work in a worktree of its own; in-place: work in the checkout itself',
    default: 'worktree',
    value: 'in-place',
  },
  withChanges: {
    flags: '--with-changes',
    about: 'include the uncommitted changes of the checkout, as the first commit of the branch',
  },
  push: {
    flags: '--push',
    about: 'push the branch once the subagent is done; only for a repository that is named by URL',
    continues: true,
  },
  force: {
    flags: '--force',
    about: 'with push: push even if the outcome has a blocking caveat',
    continues: true,
  },
  setup: {
    flags: '--setup <command>',
    about: 'commands that run in the new worktree before the first turn, for example npm ci',
    reads: 'list',
    common: true,
    repository: true,
  },
  verify: {
    flags: '-v, --verify <command>',
    about: 'commands that must exit 0 before the subagent is done',
    reads: 'list',
    continues: true,
    common: true,
    repository: true,
  },
  verifyFresh: {
    flags: '--verify-fresh',
    about: 'run set-up and verification in a fresh checkout of the commit',
    default: 'verification runs in the worktree',
    continues: true,
  },
  permissions: {
    flags: '--permissions <level>',
    about:
      'all (every tool without asking), workspace (file tools stay in the worktree and the temporary folder; shells are not restricted) or read-only (no write, no shell)',
    default: 'all',
    choices: ['all', 'workspace', 'read-only'],
    continues: true,
    common: true,
    repository: true,
  },
  sandbox: {
    flags: '--sandbox',
    about:
      'tools, set-up and verification run in a sandbox: its own clone, no network (see network), and nothing else of this machine than programs',
    default: 'none, unless the worker asks for one',
    common: true,
    repository: true,
  },
  network: {
    flags: '--network <hosts>',
    about:
      'what a sandboxed subagent reaches over HTTP and HTTPS: none, all (the internet), or hosts separated by commas, for example registry.npmjs.org,*.github.com; an address of this machine or its network only by host and port',
    default: 'none',
    common: true,
  },
  policy: {
    flags: '--policy <policy>',
    about:
      'rules that allow, ask for or deny commands, paths, hosts and tools: careful, or (at the terminal) a JSON file; the worker’s and the repository’s apply as well, and the strictest decides',
    default: 'none, unless the worker or the repository has one',
    reads: 'policy',
    continues: true,
    common: true,
    repository: true,
  },
  trustRepo: {
    flags: '--trust-repo',
    about:
      'load the repository’s own Copilot hooks, extensions and MCP servers, and run the programs that its git configuration names',
    default: 'none of them',
    continues: true,
  },
  env: {
    flags: '--env <name>',
    about: 'names of secret variables of the worker’s environment that shells and verification get',
    default: 'none of them',
    reads: 'list',
  },
  signing: {
    flags: '--signing <how>',
    about: 'repository: commits are signed if git is configured to sign; off: they are not signed',
    default: 'repository',
    choices: ['repository', 'off'],
  },
  timeout: {
    flags: '--timeout <duration>',
    about: 'maximum working time, with its unit, for example 45m; time spent queued or asking does not count',
    default: '4h',
    continues: true,
    common: true,
    repository: true,
  },
  stuckAfter: {
    flags: '--stuck-after <duration>',
    about: 'time without any event after which the subagent is announced as stuck',
    default: '10m',
    continues: true,
  },
  stuckRepeats: {
    flags: '--stuck-repeats <count>',
    about:
      'number of equal tool calls in a row (or in a short cycle) with equal results and no changed file, after which the subagent is announced as stuck, repeating',
    default: '20',
    reads: 'amount',
  },
  onStuck: {
    flags: '--on-stuck <what>',
    about:
      'what to do with a stuck subagent: report (announce it), nudge (also send it a message) or kill (also kill it)',
    default: 'report',
    choices: ['report', 'nudge', 'kill'],
  },
  hungAfter: {
    flags: '--hung-after <duration>',
    about: 'time without any byte of a model call after which the call is aborted and tried again',
    default: '3m',
  },
  answerTimeout: {
    flags: '--answer-timeout <duration>',
    about: 'how long a question waits for an answer before the subagent goes on by its own judgement',
    default: 'no limit',
  },
  approvalTimeout: {
    flags: '--approval-timeout <duration>',
    about: 'how long a tool call waits for an approval before it counts as rejected',
    default: 'no limit',
  },
  'budget.tokens': {
    flags: '--max-tokens <count>',
    about:
      'maximum number of tokens, input and output together, including cached ones; then it ends as over-budget',
    default: 'no limit',
    reads: 'amount',
  },
  'budget.turns': {
    flags: '--max-turns <count>',
    about: 'maximum number of turns: the task is one, and so is every repair, answer or late steer',
    default: 'no limit',
    reads: 'amount',
  },
  'budget.modelRequests': {
    flags: '--max-requests <count>',
    about: 'maximum number of answered model calls',
    default: 'no limit',
    reads: 'amount',
  },
} as const satisfies Readonly<Record<string, SpawnOption>>;

/** The name of an option: the path of its field in a spec. */
export type SpawnOptionName = keyof typeof SPAWN_OPTIONS;

/** All options, in the order in which they are shown. */
export const spawnOptions = (): readonly (SpawnOption & { readonly name: SpawnOptionName })[] =>
  Object.entries<SpawnOption>(SPAWN_OPTIONS).map(([name, option]) => ({
    ...option,
    name: name as SpawnOptionName,
  }));

type Marked<Mark extends string> = {
  [Name in SpawnOptionName]: (typeof SPAWN_OPTIONS)[Name] extends Readonly<Record<Mark, true>> ? Name : never;
}[SpawnOptionName];

const marked = <Mark extends 'continues' | 'common' | 'repository'>(mark: Mark): readonly Marked<Mark>[] =>
  spawnOptions()
    .filter((option) => option[mark] === true)
    .map(({ name }) => name as Marked<Mark>);

/** Options of `continue`. */
export const CONTINUE_OPTIONS = marked('continues');
/** Options of `batch` and `race` that apply to each subagent. */
export const COMMON_OPTIONS = marked('common');
/** Options that a repository's `.subagents.json` may set. */
export const REPOSITORY_OPTIONS = marked('repository');

/** Describes an option and its default in one line. */
export function optionText(name: SpawnOptionName): string {
  const { about, default: preset }: SpawnOption = SPAWN_OPTIONS[name];
  return preset === undefined ? about : `${about}; default: ${preset}`;
}
